import { expect, test } from 'vitest'
import { fakeRun } from '../../test/kit/fake-run.ts'
import { fakeUpstream } from '../../test/kit/fake-upstream.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { agrees, sniffType } from './sniff-type.ts'
import { createTurns } from './turns.ts'
import { uploadOffload } from './upload-offload.ts'

const configNodes = { s3: { type: 'object storage', config: { endpoint: 'https://s3.example', bucket: 'files', region: 'us-east-1', pathStyle: true }, credentials: { accessKeyId: 'a', secretAccessKey: '${KEY}' } } }
const env = { KEY: 'secret' }

test('an upload offload needs a storage, which needs its key', async () => {
  expect(checkNode(uploadOffload, {}).map(({ code }) => code)).toEqual(['config.missing'])
  expect(checkNode(uploadOffload, { storage: 's3' }, { configNodes })).toEqual([])
  await expect(testNode(uploadOffload, { storage: 's3' }, { configNodes })).rejects.toMatchObject({ code: 'config.invalid' })
})

test('bytes of a message become the description of an object, whose key no caller chooses', async () => {
  const node = await testNode(uploadOffload, { storage: 's3', prefix: '/in/{{req.params.id}}/' }, { configNodes, env, upstream: fakeUpstream({ status: 200 }) })
  const run = fakeRun({ request: { method: 'POST', params: { id: 'a' }, headers: { 'content-type': 'text/plain' } } })
  const [sent] = await node.send({ payload: 'hello', req: run.request }, run)
  expect(sent!.message.payload).toMatchObject({ key: expect.stringMatching(/^in\/a\/[0-9a-f-]{36}$/) as string, size: 5, type: 'text/plain', sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' })
  const up = fakeRun({ request: { method: 'POST', params: { id: '..' } } })
  await expect(node.send({ payload: 'x', req: up.request }, up)).rejects.toMatchObject({ code: 'step.config' })
  await expect(node.send({ payload: { a: 1 } })).rejects.toMatchObject({ code: 'step.config' })
  await expect(node.send({ payload: 'x' }, fakeRun({ request: {}, environment: 'sandbox' }))).rejects.toMatchObject({ code: 'sandbox.none' })
})

test('so many uploads go on at once; others wait unread, and who goes away while waiting is forgotten', async () => {
  const turns = createTurns(1)
  const first = await turns.enter(fakeRun())
  const gone = fakeRun()
  const [left, second] = [turns.enter(gone), turns.enter(fakeRun())]
  gone.abort()
  await expect(left).rejects.toThrow()
  first()
  ;(await second)()
  ;(await turns.enter(fakeRun()))()
})

test.each([
  ['image/png', '89504e470d0a1a0a', true], ['image/png', '255044462d', false], ['application/octet-stream', '4d5a9000', true], ['text/plain', '4d5a9000', false], ['text/plain', '68656c6c6f', true],
  ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', '504b0304', true], ['image/jpeg', '68656c6c6f', false], ['image/heic', '0000001866747970', true],
])('a file that says to be %s and begins with %s: %s', (type, bytes, fits) => expect(agrees(type, sniffType(Buffer.from(bytes.padEnd(32, '0'), 'hex')))).toBe(fits))
