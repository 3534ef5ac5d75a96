import { describe, expect, test } from 'vitest'
import { bareDeployer, bareNodes } from '../../test/kit/bare-deployer.ts'
import { checkFlows } from './check.ts'

const definitions = bareNodes({})
const tab = (id: string, organisation?: string) => ({ id, type: 'tab', label: id, ...(organisation ? { env: [{ name: 'SLUICE_ORGANISATION', type: 'str', value: organisation }] } : {}) })
const out = (z: string, ...links: string[]) => ({ id: `${z}-out`, type: 'link out', z, links, wires: [] })
const into = (z: string, ...links: string[]) => ({ id: `${z}-in`, type: 'link in', z, links, wires: [[]] })
const call = (z: string, ...links: string[]) => ({ id: `${z}-call`, type: 'link call', z, links, wires: [[]] })
const errors = (...nodes: object[]) => checkFlows(nodes, definitions).filter(({ severity }) => severity === 'error')
const foreign = (...nodes: object[]) => errors(...nodes).filter(({ code }) => code === 'link.foreign').map(({ flow, node }) => `${flow} ${node}`)

describe('a link between organisations', () => {
  test('leads nowhere that the other side has not drawn as well', () => {
    expect(foreign(tab('bank', 'bank'), into('bank'), tab('thief', 'thief'), out('thief', 'bank-in'))).toEqual(['thief thief-out'])
    expect(foreign(tab('bank', 'bank'), into('bank'), tab('thief', 'thief'), call('thief', 'bank-in'))).toEqual(['thief thief-call'])
    expect(foreign(tab('bank', 'bank'), into('bank', 'thief-out'), tab('thief', 'thief'), out('thief', 'bank-in'))).toEqual([])
  })

  test('takes no messages that the other side does not send', () => {
    expect(foreign(tab('bank', 'bank'), out('bank'), tab('thief', 'thief'), into('thief', 'bank-out'))).toEqual(['thief thief-in'])
    expect(foreign(tab('shared'), out('shared'), tab('thief', 'thief'), into('thief', 'shared-out'))).toEqual(['thief thief-in'])
    expect(foreign(tab('bank', 'bank'), out('bank', 'thief-in'), tab('thief', 'thief'), into('thief', 'bank-out'))).toEqual([])
  })

  test('calls no global policy of another, nor by a subflow', () => {
    const policy = [tab('bank', 'bank'), { id: 'p', type: 'global policy', z: 'bank', wires: [['back']] }, { id: 'back', type: 'link out', z: 'bank', mode: 'return', links: [], wires: [] }]
    expect(foreign(...policy, tab('thief', 'thief'), call('thief', 'p'))).toEqual(['thief thief-call'])
    expect(foreign(tab('bank', 'bank'), into('bank'), { ...tab('S', 'thief'), type: 'subflow', name: 'S', in: [], out: [] }, out('S', 'bank-in'))).toEqual(['S S-out'])
  })

  test('is free within one, to what is nobody’s, and from there', () => {
    expect(foreign(tab('a', 'bank'), into('a', 'b-out'), tab('b', 'bank'), out('b', 'a-in'))).toEqual([])
    expect(foreign(tab('shared'), into('shared'), tab('b', 'bank'), out('b', 'shared-in'), call('b', 'shared-in'))).toEqual([])
    expect(foreign(tab('shared'), out('shared', 'b-in'), call('shared', 'b-in'), tab('b', 'bank'), into('b'))).toEqual([])
  })
})

test('a message chooses no flow of another organisation to be called, by id nor by name', async () => {
  const bank = (name: string) => [tab('bank', 'bank'), { ...into('bank'), name, wires: [['bank-w']] }, { id: 'bank-w', type: 'work', z: 'bank', step: 'secret', wires: [['bank-back']] }, { id: 'bank-back', type: 'link out', z: 'bank', mode: 'return', links: [], wires: [] }]
  const caller = (organisation: string | undefined, target: string) => [
    tab('t', organisation), { id: 'in', type: 'http in', z: 't', url: '/x', wires: [['w']] }, { id: 'w', type: 'work', z: 't', step: target, wires: [['c']] },
    { id: 'c', type: 'link call', z: 't', linkType: 'dynamic', links: [], wires: [['r']] }, { id: 'r', type: 'reply', z: 't', wires: [] },
  ]
  const steps = { secret: (message: object) => ({ out: { ...message, secret: 'yes' } }), byId: (message: object) => ({ out: { ...message, target: 'bank-in' } }), byName: (message: object) => ({ out: { ...message, target: 'pay' } }) }
  const answer = async (organisation: string | undefined, target: string, ...more: object[]) => {
    const bare = bareDeployer(steps)
    try {
      expect(await bare.deploy([...bank('pay'), ...caller(organisation, target), ...more])).toMatchObject({ ok: true })
      const { reply, fault } = await bare.call('/x')
      return reply?.secret ?? fault?.code
    } finally {
      await bare.deployer.close()
    }
  }
  for (const target of ['byId', 'byName']) {
    expect(await answer('thief', target)).toBe('flow.target_missing')
    expect(await answer('bank', target)).toBe('yes')
    expect(await answer(undefined, target)).toBe('yes')
  }
  // Somebody else's node of the same name is not in the way either.
  expect(await answer('bank', 'byName', tab('other', 'thief'), { ...into('other'), name: 'pay' })).toBe('yes')
})

test('a version of an API is of the organisation whose path it is', () => {
  const version = (id: string, organisation: string | undefined, value: string) => {
    const { env = [], ...rest } = tab(id, organisation)
    return [{ ...rest, env: [...env, { name: 'SLUICE_API_VERSION', type: 'str', value }] }, { id: `${id}-i`, type: 'http in', z: id, url: '/pay', wires: [[`${id}-r`]] }, { id: `${id}-r`, type: 'reply', z: id, wires: [] }]
  }
  const stolen = (...nodes: object[]) => errors(...nodes).map(({ code, flow, node }) => `${code} ${flow} ${node}`)
  expect(stolen(...version('bank', 'bank', 'v1'), ...version('thief', 'thief', 'v9'))).toEqual(['route.foreign thief thief-i'])
  expect(stolen(...version('shared', undefined, 'v1'), ...version('thief', 'thief', 'v9'))).toEqual(['route.foreign thief thief-i'])
  expect(stolen(...version('bank', 'bank', 'v1'), ...version('next', 'bank', 'v2'))).toEqual([])
})
