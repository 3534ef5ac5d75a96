import { describe, expect, it } from 'vitest'
import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { every } from '../../runtime/core/labels/label-path.ts'
import { fakeVault } from '../../test/kit/fake-vault.ts'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { tokenize } from './tokenize.ts'

const start = async (config: object, vault = fakeVault()) => ({ vault, node: await testNode(tokenize, { domain: 'people', ...config }, { vault }) })
const people = { people: [{ id: 'A123456789', name: '王小明' }, { id: 'B223456781', name: '李小華' }], at: 1 }

describe('tokenize', () => {
  it('puts tokens in place of the fields, in one call to the vault, and leaves the rest', async () => {
    const { vault, node } = await start({ fields: [{ path: '$.people[*].id' }, { path: '$.people[*].name', mode: 'random' }] })
    const [sent] = await node.send({ payload: people, topic: 't' })
    const { payload } = sent!.message as unknown as { payload: typeof people }
    expect(vault.calls).toHaveLength(1)
    expect(vault.calls[0]?.map((ask) => ask.do === 'tokenize' && [ask.mode, ask.value])).toEqual([['deterministic', 'A123456789'], ['deterministic', 'B223456781'], ['random', '王小明'], ['random', '李小華']])
    expect(payload.at).toBe(1)
    expect(JSON.stringify(payload)).not.toMatch(/A123456789|王小明/)
    expect(sent?.message.topic).toBe('t')
  })

  it('asks as each row says: mode, domain, life, what is shown at the end, whom it is about', async () => {
    const { vault, node } = await start({
      subject: 'payload.who',
      fields: [{ path: '$.pan', mode: 'shape same', keepLast: 4, domain: 'cards', ttlS: 60 }, { path: '$.n', mode: 'once' }],
    })
    await node.send({ payload: { pan: '4111111111111111', n: 7, who: 42 } })
    expect(vault.calls[0]).toEqual([
      { do: 'tokenize', domain: 'cards', mode: 'shape', value: '4111111111111111', keepLast: 4, same: true, ttlS: 60, subject: '42' },
      { do: 'tokenize', domain: 'people', mode: 'once', value: '7', json: true, subject: '42' },
    ])
  })

  it('masks by itself where no token is wanted, and needs no vault for that', async () => {
    const node = await testNode(tokenize, { fields: [{ path: '$.phone', mode: 'mask', keepLast: 3 }, { path: '$.pin', mode: 'mask', keepLast: 4 }, { path: '$.n', mode: 'mask' }] })
    expect((await node.send({ payload: { phone: '0912345678', pin: '1234', n: 12 } }))[0]?.message.payload).toEqual({ phone: '*******678', pin: '****', n: '**' })
  })

  it('gives a place that two rows find to the first, and leaves null', async () => {
    const { vault, node } = await start({ fields: [{ path: '$.id', mode: 'mask' }, { path: '$.*', mode: 'random' }] })
    expect((await node.send({ payload: { id: 'x', other: null } }))[0]?.message.payload).toEqual({ id: '*', other: null })
    expect(vault.calls).toEqual([])
  })

  it('works on another property, and on a value that is a token as a whole', async () => {
    const { node } = await start({ property: 'person.card', fields: [{ path: '$' }] })
    const [sent] = await node.send({ person: { card: 'secret', rest: 1 }, payload: 1 })
    expect(sent?.message).toMatchObject({ person: { rest: 1 }, payload: 1 })
    expect(JSON.stringify(sent?.message)).not.toContain('secret')
  })

  it('finds fields by a data label: wherever the compiler knows that it may be', async () => {
    const labels = LabelMap.of([{ label: 'pid', path: ['payload', 'people', every, 'id'], from: { flow: 'f', node: 'n', path: '' } }, { label: 'pan', path: ['payload', 'pan'], from: { flow: 'f', node: 'n', path: '' } }])
    const vault = fakeVault()
    const node = await testNode(tokenize, { domain: 'people', fields: [{ by: 'label', path: 'pid' }] }, { vault, labels })
    const [sent] = await node.send({ payload: { ...people, pan: '4111' } })
    expect(vault.calls[0]?.map((ask) => ask.do === 'tokenize' && ask.value)).toEqual(['A123456789', 'B223456781'])
    expect(sent?.message.payload).toMatchObject({ pan: '4111', people: [{ name: '王小明' }, { name: '李小華' }] })
    expect(checkNode(tokenize, { domain: 'd', fields: [{ by: 'label', path: 'Not a label' }] }).map((problem) => problem.code)).toContain('label.name')
  })

  it('ignores a path that finds nothing, or refuses the message by it', async () => {
    expect((await (await start({ fields: [{ path: '$.none' }] })).node.send({ payload: { a: 1 } }))[0]?.message.payload).toEqual({ a: 1 })
    await expect((await start({ missing: 'refuse', fields: [{ path: '$.none' }] })).node.send({ payload: { a: 'secret' } })).rejects.toMatchObject({ code: 'field.missing', status: 422, facts: { path: '$.none' } })
  })

  it('fails by the vault’s word for it, names the field and says no value', async () => {
    const { vault, node } = await start({ fields: [{ path: '$.id' }] })
    vault.answers.set('people', { fault: 'domain.unknown', facts: { domain: 'people' } })
    const thrown = await node.send({ payload: { id: 'A123456789' } }).catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'domain.unknown', facts: { domain: 'people', path: '$.id' } })
    expect(JSON.stringify(thrown) + (thrown as Error).message).not.toContain('A123456789')
  })

  it('keeps to the deadline of the run', async () => {
    const deadlines: unknown[] = []
    const vault = { ...fakeVault(), ask: (_: unknown, options?: { deadline?: number }) => Promise.resolve([{ token: String(deadlines.push(options?.deadline)) }]) }
    const node = await testNode(tokenize, { domain: 'd', fields: [{ path: '$' }] }, { vault })
    await node.send({ payload: 'x' }, fakeRun({ deadline: 5000 }))
    expect(deadlines).toEqual([5000])
  })

  it('refuses the deploy where there is no vault, and says what to set', async () => {
    await expect(testNode(tokenize, { domain: 'people', fields: [{ path: '$.id' }] })).rejects.toMatchObject({ code: 'config.invalid', message: expect.stringContaining('SLUICE_VAULT_URL') as string })
  })

  it.each([
    [{ fields: [] }, 'field.none'], [{ domain: 'd', fields: [{ path: 'id' }] }, 'field.path'], [{ domain: 'd', fields: [{ path: ' ' }] }, 'field.path'], [{ fields: [{ path: '$.id' }] }, 'vault.domain'],
    [{ domain: 'd', fields: [{ path: '$.id', keepLast: 5 }] }, 'config.invalid'], [{ domain: 'd', fields: [{ path: '$.id' }], subject: 'a[' }, 'value.path'], [{ domain: 'd', fields: [{ path: '$.id' }], property: '$.x' }, 'field.property'],
  ])('is refused in the editor when it is drawn wrong (%j)', (config, code) => {
    expect(checkNode(tokenize, config).map((problem) => problem.code)).toContain(code)
  })
})
