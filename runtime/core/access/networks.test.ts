import { isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseNetworks, toPlainAddress } from './networks.ts'

describe('networks', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', true], ['10.0.0.0/8', '11.0.0.1', false], ['192.0.2.7', '192.0.2.7', true], ['192.0.2.7', '192.0.2.8', false],
    ['2001:db8::/32', '2001:db8:1::5', true], ['2001:db8::/32', '2001:db9::5', false], ['0.0.0.0/0', '203.0.113.9', true], ['0.0.0.0/0', '::1', false], ['0.0.0.0/0', '::ffff:203.0.113.9', true],
    ['::/0', '203.0.113.9', false], ['::/0', '::ffff:203.0.113.9', false], ['::/0', '2001:db8::1', true], ['::/64', '1.2.3.4', false], ['::ffff:0:0/96', '1.2.3.4', true], ['::ffff:0:0/96', '2001:db8::1', false],
    ['10.0.0.0/8', '::ffff:10.0.0.1', true], ['10.0.0.0/8', '::ffff:a00:1', true], ['10.0.0.0/8', '0:0:0:0:0:ffff:a00:1', true], ['::ffff:10.0.0.0/104', '10.1.2.3', true],
    ['fe80::/10', 'fe80::1%eth0', true], ['10.0.0.0/8', '', false], ['10.0.0.0/8', 'unknown', false],
  ])('%s holds %s: %s', (network, address, inside) => {
    expect(parseNetworks([network]).has(address)).toBe(inside)
  })

  it.each(['10.0.0.0/33', '10.0.0/8', 'example.org', '10.0.0.0/8/1', '10.0.0.0/-1', '2001:db8::/129', '10.0.0.0/', ''])('says that %j is none', (entry) => {
    expect(() => parseNetworks([entry])).toThrow(TypeError)
  })

  it('agrees with counting bits', () => {
    const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
    const toNumber = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n)
    fc.assert(fc.property(octets, octets, fc.nat(32), (network, address, bits) => {
      const shift = 32n - BigInt(bits)
      const same = toNumber(network) >> shift === toNumber(address) >> shift
      expect(parseNetworks([`${network.join('.')}/${bits}`]).has(address.join('.'))).toBe(same)
      expect(parseNetworks([`${network.join('.')}/${bits}`]).has(`::ffff:${address.join('.')}`)).toBe(same)
    }))
  })

  it('keeps what is no IPv4 in IPv6 an address', () => {
    fc.assert(fc.property(fc.ipV6(), (address) => {
      expect(isIP(toPlainAddress(address))).not.toBe(0)
    }))
  })
})
