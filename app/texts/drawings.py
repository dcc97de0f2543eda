"""What is said where drawings are given, on either page."""

DRAW = "Draw"
UPLOAD = "Upload"
BORROW = "Borrow"
ONE_MORE_PICTURE = "One more, to ask about"
ANY_PAPER = "Dark on light or light on dark, of any size; a photograph will do."
PICTURES = "PNG, JPEG, WebP, GIF, BMP or TIFF, up to 20 MB"
HOW_GIVEN = {"drawn": "drawn", "uploaded": "uploaded", "borrowed": "borrowed"}
