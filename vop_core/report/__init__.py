"""From the results of the bench to tables, answers and a page."""
