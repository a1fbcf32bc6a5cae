"""What tests share: servers, checkers, commands, strategies, and ways to kill, race and damage."""
