/** Names of keys, key sets and certificates. What stands behind the last dot of `name.version` is the version. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
export const nameRule = 'begins with a letter or a digit; letters, digits, “.”, “-” and “_” may follow, 64 characters together'

/** The `kid` of a version, in headers and in key sets. */
export function toKeyId(name: string, version: number): string {
  return `${name}.${version}`
}

/** The version that a `kid` names; `undefined` when it is of another key. */
export function versionOfKeyId(id: string, name: string): number | undefined {
  const number = id.startsWith(`${name}.`) ? id.slice(name.length + 1) : ''
  return /^[1-9]\d{0,8}$/.test(number) ? Number(number) : undefined
}
