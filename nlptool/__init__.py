"""nlptool: text analysis in the Unix manner, Japanese first."""

__version__ = "0.1.0"
