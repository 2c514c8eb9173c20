/// test support
