hook
