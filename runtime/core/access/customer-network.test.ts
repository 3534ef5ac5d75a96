import fc from 'fast-check'
import { expect, test } from 'vitest'
import { customerNetwork } from './customer-network.ts'

test('an IPv4 address stands for itself, however it is written', () => {
  for (const address of ['192.0.2.7', '::ffff:192.0.2.7', '::FFFF:c000:207', '0:0:0:0:0:ffff:192.0.2.7']) expect(customerNetwork(address)).toBe('192.0.2.7')
})

test('IPv6 addresses of one /64 are one customer, others are not, however they are written', () => {
  expect(customerNetwork('2001:db8::1')).toBe('2001:db8:0:0::/64')
  expect(customerNetwork('2001:0DB8:0:0:ffff:0:0:7%eth0')).toBe('2001:db8:0:0::/64')
  expect(customerNetwork('2001:db8:0:1::1')).not.toBe('2001:db8:0:0::/64')
  const group = fc.integer({ min: 1, max: 0xffff }).map((value) => value.toString(16))
  fc.assert(fc.property(fc.tuple(group, group, group, group), fc.tuple(group, group, group, group), (network, host) => {
    expect(customerNetwork([...network, ...host].join(':'))).toBe(`${network.join(':')}::/64`)
  }))
})
