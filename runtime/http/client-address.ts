import ipaddr from 'ipaddr.js'

/** Answers whether an address belongs to a proxy whose word on the client is taken. */
export type Trusts = (address: string) => boolean

const remembered = 4096

/**
 * @param proxies addresses or CIDR ranges; `loopback` and `private` are understood as well
 * @throws TypeError that names the entry which is no address
 */
export function createTrust(proxies: readonly string[]): Trusts {
  if (proxies.length === 0) return () => false
  const ranges = proxies.flatMap((proxy) => named[proxy] ?? [proxy]).map(toRange)
  const known = new Map<string, boolean>()
  return (address) => {
    let trusted = known.get(address)
    if (trusted === undefined) {
      if (known.size >= remembered) known.clear()
      trusted = isInside(address, ranges)
      known.set(address, trusted)
    }
    return trusted
  }
}

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number]

const named: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

function toRange(text: string): Range {
  try {
    if (text.includes('/')) return ipaddr.parseCIDR(text) as Range
    const address = ipaddr.process(text)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  } catch {
    throw new TypeError(`“${text}” in the list of trusted proxies is no address and no range such as 10.0.0.0/8.`)
  }
}

function isInside(text: string, ranges: readonly Range[]): boolean {
  if (!ipaddr.isValid(text)) return false
  const address = ipaddr.process(text)
  return ranges.some(([range, bits]) => address.kind() === range.kind() && address.match(range as never, bits))
}

/** An address as people write it: IPv4 in IPv6 unwrapped, no port, no brackets. */
function toPlain(text: string): string {
  const bare = text.trim().replace(/^"(.*)"$/, '$1').replace(/^\[(.*)\](?::\d+)?$/, '$1').replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toString() : ''
}

/**
 * The client's address. `forwarded` (X-Forwarded-For) is read from the right: each proxy is believed
 * about the hop before it only if it is trusted itself, so what a client invents on the left is never reached.
 */
export function clientAddress(remote: string, forwarded: string | undefined, trusts: Trusts): string {
  let address = remote.startsWith('::ffff:') ? toPlain(remote) || remote : remote
  if (forwarded === undefined || !trusts(remote)) return address
  const hops = forwarded.split(',')
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = toPlain(hops[i] as string)
    if (hop === '') break
    address = hop
    if (!trusts(hop)) break
  }
  return address
}
