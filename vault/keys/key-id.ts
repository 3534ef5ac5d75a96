/** The `kid` of a version, in headers and in key sets. */
export function toKeyId(name: string, version: number): string {
  return `${name}.${version}`
}

/** The version that a `kid` names; `undefined` when it is of another key. */
export function versionOfKeyId(id: string, name: string): number | undefined {
  const number = id.startsWith(`${name}.`) ? id.slice(name.length + 1) : ''
  return /^[1-9]\d{0,8}$/.test(number) ? Number(number) : undefined
}
