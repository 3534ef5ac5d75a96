import { toPlainAddress } from './networks.ts'

/**
 * Whom an address stands for: an IPv4 address itself, of an IPv6 address its /64 network, which is what one customer has
 * (RFC 6177). Whoever counted single addresses would give each customer as many counts as they like.
 */
export function customerNetwork(address: string): string {
  if (!address.includes(':')) return address
  const plain = toPlainAddress(address).toLowerCase()
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = tail === undefined ? first : [...first, ...Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => '0'), ...last]
  return `${groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
