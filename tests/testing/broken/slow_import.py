"""A runtime whose import does what its hooks should do."""

import time

from testing.broken.defects import broken
from testing.sound import SoundRuntime

time.sleep(0.5)


@broken("test_importing_it_is_quick", "importing the plugin takes")
class SlowImport(SoundRuntime):
    pass
