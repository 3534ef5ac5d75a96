import { assert, ipV4, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kindOf } from './address.ts'
import { parseEgressAllow } from './egress-policy.ts'

describe('without an allow-list', () => {
  const policy = parseEgressAllow([])
  it.each(['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.128.0.1', '169.253.0.1', '2606:4700::1111', '2001:4860:4860::8888', '::ffff:8.8.8.8', '64:ff9b::808:808', '2002:808:808::1'])(
    'the public address %s is reachable',
    (address) => expect(policy.refusal('example.com', 443, address)).toBeUndefined(),
  )
  it.each([
    ['127.8.8.8', 'loopback'], ['0.0.0.0', 'unspecified'], ['0.1.2.3', 'unspecified'], ['10.0.0.1', 'private'], ['172.16.0.1', 'private'], ['172.31.255.255', 'private'], ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'], ['100.127.255.255', 'private'], ['169.254.1.1', 'link-local'], ['169.254.169.254', 'metadata'], ['224.0.0.1', 'multicast'], ['255.255.255.255', 'broadcast'],
    ['198.18.0.1', 'benchmarking'], ['240.0.0.1', 'reserved'], ['::1', 'loopback'], ['::', 'unspecified'], ['fe80::1', 'link-local'], ['fe80::1%eth0', 'link-local'], ['fd00::1', 'private'], ['fc00::1', 'private'],
    ['fd00:ec2::254', 'metadata'], ['ff02::1', 'multicast'], ['::ffff:127.0.0.1', 'loopback'], ['::ffff:7f00:1', 'loopback'], ['0:0:0:0:0:ffff:7f00:1', 'loopback'], ['64:ff9b::a9fe:a9fe', 'metadata'],
    ['2002:7f00:1::', 'loopback'], ['2002:c0a8:1::1', 'private'], ['::127.0.0.1', 'reserved'], ['2001:0:1::1', 'reserved'], ['not an address', 'reserved'],
  ])('%s is refused as %s', (address, kind) => {
    expect(kindOf(address)).toBe(kind)
    expect(policy.refusal('host.example', 80, address)).toContain(kind)
  })

  it('every IPv4 address counts the same in each IPv6 form that carries it', () => {
    assert(property(ipV4(), (address) => {
      const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number]
      const high = ((a << 8) | b).toString(16)
      const low = ((c << 8) | d).toString(16)
      for (const form of [`::ffff:${address}`, `::ffff:${high}:${low}`, `64:ff9b::${high}:${low}`, `2002:${high}:${low}::1`]) expect(kindOf(form)).toBe(kindOf(address))
    }))
  })
})

describe('an entry', () => {
  const allows = (entry: string, host: string, port: number, address = host) => parseEgressAllow([entry]).refusal(host, port, address) === undefined
  it('allows an address, with a port that port only', () => {
    expect(allows('127.0.0.1:9001', '127.0.0.1', 9001)).toBe(true)
    expect(allows('127.0.0.1:9001', '127.0.0.1', 9002)).toBe(false)
    expect(allows('127.0.0.1', '127.0.0.1', 1)).toBe(true)
    expect(allows('127.0.0.1', '127.0.0.2', 1)).toBe(false)
    expect(allows('127.0.0.1', '::ffff:7f00:1', 1)).toBe(true)
    expect(allows('[::1]:80', '::1', 80)).toBe(true)
    expect(allows('[::1]:80', '::1', 81)).toBe(false)
    expect(allows('::1', '::1', 81)).toBe(true)
  })
  it('allows a range', () => {
    expect(allows('10.0.0.0/8', '10.200.0.1', 5)).toBe(true)
    expect(allows('10.0.0.0/8:443', '10.200.0.1', 444)).toBe(false)
    expect(allows('10.0.0.0/8', '11.0.0.1', 5)).toBe(true) // public anyway
    expect(allows('10.0.0.0/8', '192.168.0.1', 5)).toBe(false)
    expect(allows('fd00::/8', 'fd12::1', 5)).toBe(true)
    expect(allows('[fd00::/8]:8443', 'fd12::1', 8443)).toBe(true)
    expect(allows('[fd00::]/8:8443', 'fd12::1', 8444)).toBe(false)
  })
  it('allows a name whatever it resolves to, and only that name', () => {
    expect(allows('api.internal:8443', 'api.internal', 8443, '10.0.0.1')).toBe(true)
    expect(allows('API.internal', 'api.internal.', 1, '10.0.0.1')).toBe(true)
    expect(allows('api.internal', 'evil-api.internal', 1, '10.0.0.1')).toBe(false)
    expect(allows('*.internal', 'a.internal', 1, '10.0.0.1')).toBe(true)
    expect(allows('*.internal', 'internal', 1, '10.0.0.1')).toBe(false)
    expect(allows('*.internal', 'ainternal', 1, '10.0.0.1')).toBe(false)
    expect(allows('localhost', '127.0.0.1', 1)).toBe(false)
  })
  it.each(['10.0.0.0/33', '10.0.0/8', 'a b', 'host:0', 'host:70000', 'http://host', 'host/path', '[::1', '*', '256.1.1.1', '0x7f.1'])('that cannot be read is refused: %s', (entry) => {
    expect(() => parseEgressAllow([entry])).toThrow(entry)
  })
  it('never fails otherwise than with a fault', () => {
    assert(property(string(), (entry) => {
      expect(thrownBy(() => parseEgressAllow([entry]))).toBeOneOf([undefined, 'config.invalid'])
    }))
  })
})

function thrownBy(work: () => unknown): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code ?? error
  }
}
