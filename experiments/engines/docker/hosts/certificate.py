"""Certificates of one campaign, for the address of one server."""

import ipaddress
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from experiments.engines.docker.hosts.access import Certificate

# The clocks of two hosts may differ, and a campaign may take days.
_BEFORE, _AFTER = timedelta(days=1), timedelta(days=30)


def make_certificate(address: str) -> Certificate:
    """Make a root and a certificate of a server at this address, with new keys; that of the root is forgotten."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _name("bigdata-matrix"), _name(address)
    root = _begin(root_name, root_name, root_key.public_key())
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = root.add_extension(_usage(sign_certificates=True), critical=True)
    server = _begin(name, root_name, key.public_key())
    server = server.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False)
    server = server.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    server = server.add_extension(issuer, critical=False)
    return Certificate(
        root=root.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        certificate=server.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _begin(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)  # noqa: UP017 - newer than what mypy checks for
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), now - _BEFORE, now + _AFTER)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    off = dict.fromkeys((*others, "digital_signature", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(key_cert_sign=sign_certificates, **off)
