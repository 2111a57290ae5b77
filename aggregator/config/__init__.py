"""config.toml and the environment to frozen settings; every mistake with its file, line and key."""
