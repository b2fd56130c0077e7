"""Results for people: tables, pages, charts, exports, and the page for reviewers."""
