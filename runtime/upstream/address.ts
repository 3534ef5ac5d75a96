import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Why an address is not reachable by default. */
export type AddressKind = 'loopback' | 'private' | 'link-local' | 'metadata' | 'multicast' | 'broadcast' | 'unspecified' | 'benchmarking' | 'reserved'

/**
 * What the IANA special-purpose registries (RFC 6890 and its updates) say is not the public internet.
 * The order matters where ranges overlap: the first that matches gives the reason.
 */
const ranges: readonly (readonly [AddressKind, string, number])[] = [
  ['metadata', '169.254.169.254', 32], // AWS, Azure, GCP, OpenStack
  ['metadata', '169.254.170.2', 32], // AWS ECS task credentials
  ['metadata', '100.100.100.200', 32], // Alibaba Cloud
  ['metadata', '168.63.129.16', 32], // Azure wire server: a public-looking address that only a machine inside reaches
  ['metadata', 'fd00:ec2::254', 128],
  ['metadata', 'fd20:ce::254', 128], // GCP
  ['loopback', '127.0.0.0', 8],
  ['unspecified', '0.0.0.0', 8], // RFC 1122 §3.2.1.3: “this network”; Linux connects 0.0.0.0 to loopback
  ['private', '10.0.0.0', 8],
  ['private', '172.16.0.0', 12],
  ['private', '192.168.0.0', 16],
  ['private', '100.64.0.0', 10], // RFC 6598, carrier-grade NAT
  ['link-local', '169.254.0.0', 16],
  ['reserved', '192.0.0.0', 24], // RFC 6890, protocol assignments
  ['reserved', '192.0.2.0', 24], // RFC 5737, documentation
  ['reserved', '198.51.100.0', 24],
  ['reserved', '203.0.113.0', 24],
  ['reserved', '192.88.99.0', 24], // RFC 7526, 6to4 relays, deprecated
  ['benchmarking', '198.18.0.0', 15], // RFC 2544
  ['multicast', '224.0.0.0', 4],
  ['broadcast', '255.255.255.255', 32],
  ['reserved', '240.0.0.0', 4],
  ['unspecified', '::', 128],
  ['loopback', '::1', 128],
  ['reserved', '::', 96], // IPv4-compatible, deprecated by RFC 4291 §2.5.5.1
  ['reserved', '::ffff:0:0:0', 96], // SIIT, RFC 2765
  ['private', 'fc00::', 7],
  ['link-local', 'fe80::', 10],
  ['private', 'fec0::', 10], // site-local, deprecated by RFC 3879
  ['multicast', 'ff00::', 8],
  ['reserved', '64:ff9b:1::', 48], // RFC 8215, local-use NAT64
  ['reserved', '100::', 64], // RFC 6666, discard only
  ['reserved', '2001::', 32], // Teredo: reaches an IPv4 address written inverted inside it
  ['benchmarking', '2001:2::', 48], // RFC 5180
  ['reserved', '2001:db8::', 32],
  ['reserved', '3fff::', 20], // RFC 9637, documentation
  ['reserved', '5f00::', 16], // RFC 9602, segment routing
]

/** A subnet that can say whether an address lies in it. */
export interface Subnet {
  contains(address: string): boolean
}

/** @throws RangeError when address or prefix length is not valid */
export function toSubnet(address: string, prefix: number): Subnet {
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  list.addSubnet(address, prefix, family)
  // BlockList matches an IPv4-mapped IPv6 address against IPv4 subnets by itself; families must not mix beyond that.
  return { contains: (candidate) => (isIPv4(candidate) ? 'ipv4' : 'ipv6') === family && list.check(candidate, family) }
}

const subnets = ranges.map(([kind, address, prefix]) => ({ kind, subnet: toSubnet(address, prefix) }))

/**
 * The address that a packet really goes to: zone ids dropped, IPv4-mapped (`::ffff:0:0/96`), NAT64
 * (`64:ff9b::/96`, RFC 6052) and 6to4 (`2002::/16`, RFC 3056) addresses as the IPv4 address they carry.
 */
export function effectiveAddress(address: string): string {
  const bare = address.split('%', 1)[0] as string
  if (!isIPv6(bare)) return bare
  const words = toWords(bare)
  const [a, b, c, d, e, f, g, h] = words as [number, number, number, number, number, number, number, number]
  const leading = (a | b | c | d | e) === 0
  if (leading && f === 0xffff) return toIPv4(g, h)
  if (a === 0x64 && b === 0xff9b && (c | d | e | f) === 0) return toIPv4(g, h)
  if (a === 0x2002) return toIPv4(b, c)
  return bare
}

/** What kind of non-public address it is; `undefined` for a public one. Anything that is no address is `reserved`. */
export function kindOf(address: string): AddressKind | undefined {
  const effective = effectiveAddress(address)
  if (!isIPv4(effective) && !isIPv6(effective)) return 'reserved'
  return subnets.find(({ subnet }) => subnet.contains(effective))?.kind
}

/** The eight 16-bit words of an IPv6 address that is known to be valid. */
function toWords(address: string): number[] {
  let text = address
  const dotted = /(?<a>\d+)\.(?<b>\d+)\.(?<c>\d+)\.(?<d>\d+)$/.exec(text)
  if (dotted) {
    const [, a, b, c, d] = dotted.map(Number) as [number, number, number, number, number]
    text = `${text.slice(0, dotted.index)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  }
  const [head, tail] = text.split('::') as [string, string | undefined]
  const first = head === '' ? [] : head.split(':').map((word) => parseInt(word, 16))
  if (tail === undefined) return first
  const last = tail === '' ? [] : tail.split(':').map((word) => parseInt(word, 16))
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last]
}

function toIPv4(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}
