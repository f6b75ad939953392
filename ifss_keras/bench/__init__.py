"""The tables of both papers, trained and scored anew on one cohort, beside the papers' own figures."""
