/** Names of domains, keys, key sets and certificates. What stands behind the last dot of `name.version` of a key is the version. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
export const nameRule = 'begins with a letter or a digit; letters, digits, “.”, “-” and “_” may follow, 64 characters together'
