"""Records of runs: one record, the description of a campaign, the campaign's folder."""
