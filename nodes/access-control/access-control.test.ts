import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { accessControl } from './access-control.ts'

async function decide(config: object, addresses: readonly string[], options: Parameters<typeof testNode>[2] = {}) {
  const node = await testNode(accessControl, config, options)
  return addresses.map((ip) => node.sendNow({}, fakeRun({ request: { ip } }))[0]?.port)
}

describe('access control', () => {
  it('lets everybody pass but those denied, and nobody but those allowed as soon as there is one', async () => {
    const addresses = ['10.1.2.3', '192.0.2.7', '2001:db8::1', '2001:db9::1']
    expect(await decide({ deny: ['10.0.0.0/8', '2001:db8::/32'] }, addresses)).toEqual(['refused', 'ok', 'refused', 'ok'])
    expect(await decide({ allow: ['10.0.0.0/8', '2001:db8::/32'] }, addresses)).toEqual(['ok', 'refused', 'ok', 'refused'])
    expect(await decide({ allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, [...addresses, '10.2.0.1'])).toEqual(['refused', 'refused', 'refused', 'refused', 'ok'])
  })

  it('sees through IPv4 written as IPv6, in calls and in rules', async () => {
    expect(await decide({ deny: ['10.0.0.1'] }, ['::ffff:10.0.0.1', '::ffff:a00:1', '0:0:0:0:0:ffff:10.0.0.1', '::ffff:10.0.0.2'])).toEqual(['refused', 'refused', 'refused', 'ok'])
    expect(await decide({ allow: ['::ffff:10.0.0.0/104'] }, ['10.0.0.1', '11.0.0.1'])).toEqual(['ok', 'refused'])
  })

  it('decides as arithmetic does, for any IPv4 network', async () => {
    const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
    const toNumber = (parts: readonly number[]) => parts.reduce((sum, part) => sum * 256 + part, 0)
    await fc.assert(fc.asyncProperty(octets, octets, fc.nat(32), async (network, address, length) => {
      const size = 2 ** (32 - length)
      const inside = Math.floor(toNumber(network) / size) === Math.floor(toNumber(address) / size)
      expect(await decide({ allow: [`${network.join('.')}/${length}`] }, [address.join('.')])).toEqual([inside ? 'ok' : 'refused'])
    }))
  })

  it('believes the request, not the message', async () => {
    const node = await testNode(accessControl, { allow: ['10.0.0.1'] })
    const forged = { req: { ip: '10.0.0.1', headers: { 'x-forwarded-for': '10.0.0.1' } } }
    expect(node.sendNow(forged, fakeRun({ request: { ip: '192.0.2.1', headers: { 'x-forwarded-for': '10.0.0.1', 'true-client-ip': '10.0.0.1' } } }))[0]?.port).toBe('refused')
  })

  it('lets a run without a request pass only where nobody in particular is allowed', async () => {
    expect((await testNode(accessControl, { allow: ['10.0.0.1'] })).sendNow({})[0]?.port).toBe('refused')
    expect((await testNode(accessControl, { deny: ['10.0.0.1'] })).sendNow({})[0]?.port).toBe('ok')
  })

  it('answers 403 when nothing is wired for those refused, else says why', async () => {
    const run = fakeRun({ request: { ip: '192.0.2.1' } })
    await expect((await testNode(accessControl, { allow: ['10.0.0.1'] }, { wired: [] })).send({}, run)).rejects.toMatchObject({ code: 'ip.denied', status: 403 })
    expect((await testNode(accessControl, { allow: ['10.0.0.1'] })).sendNow({}, run)[0]?.message.error).toMatchObject({ code: 'ip.denied', status: 403 })
  })

  it('takes networks from the environment, and fails rather than letting everybody pass when they are missing or wrong', async () => {
    expect(await decide({ allow: ['${PARTNERS}'] }, ['10.0.0.1', '192.0.2.9', '192.0.3.1'], { env: { PARTNERS: '10.0.0.1, 192.0.2.0/24' } })).toEqual(['ok', 'ok', 'refused'])
    for (const env of [{}, { PARTNERS: '' }, { PARTNERS: 'nobody' }]) await expect(decide({ allow: ['${PARTNERS}'] }, [], { env })).rejects.toMatchObject({ code: 'config.invalid' })
    expect(await decide({ allow: ['${PARTNERS}'] }, ['10.0.0.1'], { env: { PARTNERS: ' , ' } })).toEqual(['refused'])
  })

  it.each([[{ allow: ['10.0.0.0/33'] }, 'acl.network'], [{ deny: ['example.org'] }, 'acl.network'], [{ allow: ['300.1.1.1'] }, 'acl.network'], [{ deny: ['2001:db8::/129'] }, 'acl.network'], [{}, 'acl.empty']])('is refused at deploy when it is drawn wrong (%j)', (config, code) => {
    expect(checkNode(accessControl, config).map((problem) => problem.code)).toContain(code)
  })
})
