import { BlockList, isIP } from 'node:net'

/** A set of IPv4 and IPv6 networks. */
export interface Networks {
  /**
   * An IPv4 address written in IPv6 (`::ffff:10.0.0.1`) counts as IPv4; a network of one family holds no address of the other.
   * What is no address is in no network.
   */
  has(address: string): boolean
}

/**
 * Addresses and CIDR ranges (RFC 4632, RFC 4291 §2.3): `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`.
 * @throws TypeError that names the entry which is neither
 */
export function parseNetworks(entries: readonly string[]): Networks {
  // One list per family: to a BlockList that holds both, `::/0` contains every IPv4 address as well.
  const lists = { 4: new BlockList(), 6: new BlockList() }
  for (const entry of entries) add(lists, entry)
  return {
    has(address) {
      const plain = toPlainAddress(address)
      const kind = isIP(plain)
      if (kind === 4) return lists[4].check(plain, 'ipv4')
      return kind === 6 && lists[6].check(plain, 'ipv6')
    },
  }
}

/** An address without zone; IPv4 in IPv6 unwrapped, however it is written. */
export function toPlainAddress(address: string): string {
  const bare = address.split('%')[0] as string
  const mapped = /^(?:0{0,4}:){0,4}(?::|0{1,4}:)ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)
  if (mapped) return mapped[1] as string
  const hex = /^(?:0{0,4}:){0,4}(?::|0{1,4}:)ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(bare)
  if (!hex) return bare
  const [high, low] = [Number.parseInt(hex[1] as string, 16), Number.parseInt(hex[2] as string, 16)]
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

function add(lists: Readonly<Record<4 | 6, BlockList>>, entry: string): void {
  const [given = '', length, more] = entry.trim().split('/')
  const address = toPlainAddress(given)
  const kind = isIP(address)
  const wide = kind === 4 ? 32 : 128
  // A network of IPv4 in IPv6 counts its prefix from the left of all 128 bits.
  const shift = kind === 4 && address !== given ? 96 : 0
  const prefix = length === undefined ? wide : /^\d{1,3}$/.test(length) ? Number(length) - shift : Number.NaN
  if (kind === 0 || more !== undefined || !(prefix >= 0 && prefix <= wide)) {
    throw new TypeError(`“${entry}” is no address and no network such as 10.0.0.0/8.`)
  }
  if (kind === 4) lists[4].addSubnet(address, prefix, 'ipv4')
  else lists[6].addSubnet(address, prefix, 'ipv6')
}
