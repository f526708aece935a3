"""What an index is made of and how documents get into it: settings, spaces, experts, users."""
