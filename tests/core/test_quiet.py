"""What C libraries print, past Python."""

import os

from ifss_keras.core.quiet import quiet_stderr


def test_standard_error_is_silent_within_and_itself_again_after(capfd):
    with quiet_stderr():
        os.write(2, b"from C\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
