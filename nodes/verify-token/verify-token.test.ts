import { describe, expect, it } from 'vitest'
import { fakeVault } from '../../test/kit/fake-vault.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { verifyToken } from './verify-token.ts'

async function start(config: object = {}) {
  const vault = fakeVault()
  const [answer] = await vault.ask([{ do: 'tokenize', domain: 'people', mode: 'random', value: 'A123456789' }])
  return { vault, token: (answer as { token: string }).token, node: await testNode(verifyToken, { domain: 'people', ...config }, { vault }) }
}

describe('verify token', () => {
  it('sends the message as it came by the port that says it', async () => {
    const { node, token } = await start()
    expect(await node.send({ payload: { token, value: 'A123456789' } })).toEqual([{ port: 'same', message: { payload: { token, value: 'A123456789' } } }])
    expect((await node.send({ payload: { token, value: 'other' } }))[0]?.port).toBe('different')
  })

  it('or says it on the message', async () => {
    const { node, token } = await start({ answer: 'property', into: 'match.id' })
    expect((await node.send({ payload: { token, value: 'A123456789' } }))[0]).toMatchObject({ port: 'out', message: { match: { id: true } } })
  })

  it('takes a token that nobody knows, and what is no token, for different', async () => {
    const { node } = await start()
    expect((await node.send({ payload: { token: 'nope', value: 'x' } }))[0]?.port).toBe('different')
    expect((await node.send({ payload: { token: 7, value: 'x' } }))[0]?.port).toBe('different')
  })

  it('refuses a message without token or value, and fails by the vault’s word for it', async () => {
    const { vault, node, token } = await start()
    await expect(node.send({ payload: { value: 'x' } })).rejects.toMatchObject({ code: 'field.missing', status: 422 })
    await expect(node.send({ payload: { token } })).rejects.toMatchObject({ code: 'field.missing' })
    vault.answers.set('people', { fault: 'verify.too_many', facts: { domain: 'people', retryAfter: 9 } })
    await expect(node.send({ payload: { token, value: 'x' } })).rejects.toMatchObject({ code: 'verify.too_many', status: 429, headers: { 'Retry-After': '9' } })
    vault.answers.set('people', { fault: 'domain.unknown', facts: { domain: 'people' } })
    await expect(node.send({ payload: { token, value: 'x' } })).rejects.toMatchObject({ code: 'domain.unknown' })
  })

  it('is refused in the editor when it is drawn wrong', () => {
    expect(checkNode(verifyToken, {}).map((problem) => problem.code)).toContain('vault.domain')
    expect(checkNode(verifyToken, { domain: 'd', token: 'a[' }).map((problem) => problem.property)).toContain('token')
  })
})
