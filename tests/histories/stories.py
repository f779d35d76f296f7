"""All stories."""

from .calls import CALLS
from .files import FILES
from .others import OTHERS

STORIES = (*CALLS, *FILES, *OTHERS)
