// What a device can do by itself; every page works without it.
