"""The way back of a former primary: what `xcat-hamn rejoin` looks at, decides and does."""
