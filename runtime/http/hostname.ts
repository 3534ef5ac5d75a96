/** Host name of a Host header: lower case, without port and without the dot of the root. IPv6 keeps its brackets. */
export function hostnameOf(host: string): string {
  const end = host.charCodeAt(0) === 91 ? host.indexOf(']') + 1 : host.indexOf(':')
  const name = (end > 0 ? host.slice(0, end) : host).toLowerCase()
  return name.endsWith('.') ? name.slice(0, -1) : name
}
