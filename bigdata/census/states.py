"""The states of Census 2000, with the District of Columbia and Puerto Rico."""

from __future__ import annotations

from difflib import get_close_matches
from typing import NamedTuple

from bigdata.errors import BadInput


class CensusState(NamedTuple):
    """A state as the geo header describes it."""

    stusab: str
    """Postal abbreviation: 'NY'."""
    fips: str
    census: str
    """Code of the Bureau; its first digit is the division."""
    latitude: int
    """Degrees of a point inside the state, rounded."""
    longitude: int
    name: str

    @property
    def folder(self) -> str:
        """Return the name of its folder on the Census site: 'New_York'."""
        return self.name.replace(" ", "_")

    @property
    def division(self) -> str:
        """Return the division: '1' to '9', and '0' for Puerto Rico."""
        return self.census[0]

    @property
    def region(self) -> str:
        """Return the region: '1' Northeast, '2' Midwest, '3' South, '4' West, '9' Puerto Rico."""
        return "9112233344"[int(self.division)]


def find_state(name: str) -> CensusState:
    """Return the state with this name or abbreviation: 'New_York', 'New York', 'NY', in upper or lower case.

    Raises BadInput if there is none.
    """
    wanted = name.strip().replace("_", " ").lower()
    for state in STATES:
        if wanted in (state.stusab.lower(), state.name.lower()):
            return state
    known = ", ".join(f"{state.stusab} ({state.folder})" for state in STATES)
    close = get_close_matches(wanted, [state.name.lower() for state in STATES], n=1)
    hint = "".join(f" (did you mean {state.folder}?)" for state in STATES if [state.name.lower()] == close)
    raise BadInput(f"--state: unknown state {name!r}{hint}; expected one of {known}")


STATES = (
    CensusState("AL", "01", "63", 33, -87, "Alabama"),
    CensusState("AK", "02", "94", 64, -152, "Alaska"),
    CensusState("AZ", "04", "86", 34, -112, "Arizona"),
    CensusState("AR", "05", "71", 35, -92, "Arkansas"),
    CensusState("CA", "06", "93", 37, -120, "California"),
    CensusState("CO", "08", "84", 39, -106, "Colorado"),
    CensusState("CT", "09", "16", 42, -73, "Connecticut"),
    CensusState("DE", "10", "51", 39, -76, "Delaware"),
    CensusState("DC", "11", "53", 39, -77, "District of Columbia"),
    CensusState("FL", "12", "59", 28, -82, "Florida"),
    CensusState("GA", "13", "58", 33, -83, "Georgia"),
    CensusState("HI", "15", "95", 21, -157, "Hawaii"),
    CensusState("ID", "16", "82", 44, -115, "Idaho"),
    CensusState("IL", "17", "33", 40, -89, "Illinois"),
    CensusState("IN", "18", "32", 40, -86, "Indiana"),
    CensusState("IA", "19", "42", 42, -93, "Iowa"),
    CensusState("KS", "20", "47", 38, -98, "Kansas"),
    CensusState("KY", "21", "61", 38, -85, "Kentucky"),
    CensusState("LA", "22", "72", 31, -92, "Louisiana"),
    CensusState("ME", "23", "11", 45, -69, "Maine"),
    CensusState("MD", "24", "52", 39, -77, "Maryland"),
    CensusState("MA", "25", "14", 42, -72, "Massachusetts"),
    CensusState("MI", "26", "34", 44, -85, "Michigan"),
    CensusState("MN", "27", "41", 46, -94, "Minnesota"),
    CensusState("MS", "28", "64", 33, -90, "Mississippi"),
    CensusState("MO", "29", "43", 38, -92, "Missouri"),
    CensusState("MT", "30", "81", 47, -109, "Montana"),
    CensusState("NE", "31", "46", 42, -100, "Nebraska"),
    CensusState("NV", "32", "88", 39, -117, "Nevada"),
    CensusState("NH", "33", "12", 44, -72, "New Hampshire"),
    CensusState("NJ", "34", "22", 40, -75, "New Jersey"),
    CensusState("NM", "35", "85", 34, -106, "New Mexico"),
    CensusState("NY", "36", "21", 43, -76, "New York"),
    CensusState("NC", "37", "56", 36, -79, "North Carolina"),
    CensusState("ND", "38", "44", 47, -100, "North Dakota"),
    CensusState("OH", "39", "31", 40, -83, "Ohio"),
    CensusState("OK", "40", "73", 36, -97, "Oklahoma"),
    CensusState("OR", "41", "92", 44, -121, "Oregon"),
    CensusState("PA", "42", "23", 41, -78, "Pennsylvania"),
    CensusState("RI", "44", "15", 42, -71, "Rhode Island"),
    CensusState("SC", "45", "57", 34, -81, "South Carolina"),
    CensusState("SD", "46", "45", 44, -100, "South Dakota"),
    CensusState("TN", "47", "62", 36, -86, "Tennessee"),
    CensusState("TX", "48", "74", 31, -99, "Texas"),
    CensusState("UT", "49", "87", 39, -112, "Utah"),
    CensusState("VT", "50", "13", 44, -73, "Vermont"),
    CensusState("VA", "51", "54", 38, -79, "Virginia"),
    CensusState("WA", "53", "91", 47, -120, "Washington"),
    CensusState("WV", "54", "55", 39, -81, "West Virginia"),
    CensusState("WI", "55", "35", 44, -90, "Wisconsin"),
    CensusState("WY", "56", "83", 43, -108, "Wyoming"),
    CensusState("PR", "72", "06", 18, -66, "Puerto Rico"),
)
