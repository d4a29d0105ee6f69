"""The pinned ABIs, as data with their source."""
