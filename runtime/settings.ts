// the schema of all settings lives here
export {}
