"""From numbers to pages: tables, captions, charts and the answer."""
