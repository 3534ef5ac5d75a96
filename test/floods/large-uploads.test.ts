import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'
import { startS3, type S3Server } from '../kit/s3-server.ts'

const mebibyte = 1024 * 1024
const key = 'AKIDTEST'
const secret = 'a+secret/of=the test'
let s3: S3Server
let gateway: TestGateway

beforeAll(async () => {
  s3 = await startS3(key, secret)
  const storage = (id: string) => ({ id, type: 'object storage', name: '', endpoint: s3.url, region: 'us-east-1', bucket: 'files', pathStyle: true })
  const upload = (path: string, more: object) => flow(`up${path.replaceAll('/', '-')}`).httpIn('POST', path, { streamBody: true, timeoutMs: 60_000 }).node('upload offload', { storage: 's3', prefix: 'in/{{req.query.who}}/', partBytes: 5 * mebibyte, ...more }).httpResponse()
  const nodes = [
    ...estate(
      upload('/upload', {}), upload('/pictures', { types: ['image/*'], limitBytes: 6 * mebibyte }), upload('/small', { aboveBytes: 100 }), upload('/stranger', { storage: 's3-wrong' }),
      flow('form').httpIn('POST', '/form', { upload: true }).node('upload offload', { storage: 's3' }).httpResponse(),
      flow('down').httpIn('GET', '/files/:id').node('download', { storage: 's3', key: 'out/{{req.params.id}}', name: '{{req.query.as}}' }, 2).httpResponse(),
    ),
    storage('s3'), storage('s3-wrong'),
  ]
  gateway = await startGateway({
    nodes: nodes as never,
    credentials: { s3: { accessKeyId: key, secretAccessKey: '${S3_SECRET}' }, 's3-wrong': { accessKeyId: 'AKIDOTHER', secretAccessKey: '${S3_SECRET}' } },
    settings: { SLUICE_EGRESS_ALLOW: new URL(s3.url).host, SLUICE_FLOW_ENV: 'S3_SECRET', S3_SECRET: secret },
  })
})
afterAll(async () => {
  await gateway?.close()
  await s3?.close()
})
beforeEach(() => {
  s3.objects.clear()
  s3.open.clear()
  s3.log.length = 0
  s3.spoil = undefined
  s3.fail = undefined
})

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
async function post(path: string, body: string | Buffer | FormData | Readable, headers: Record<string, string> = {}) {
  const answer = await fetch(gateway.url + path, { method: 'POST', body: body as string, headers, ...(body instanceof Readable ? { duplex: 'half' } : {}) } as RequestInit)
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : (JSON.parse(text) as any) }
}
/** Waits for what happens behind an answer. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i += 1) await pause(25)
  expect(holds()).toBe(true)
}

test('a large body is stored in parts while it comes, and the message says where it is, how large, and its hash', async () => {
  const bytes = randomBytes(13 * mebibyte)
  const { status, body } = await post('/upload?who=ann', Readable.from([bytes.subarray(0, 7 * mebibyte), bytes.subarray(7 * mebibyte)]), { 'content-type': 'application/octet-stream' })
  expect(status).toBe(200)
  expect(body).toEqual({ url: `${s3.url}/files/${body.key}`, key: expect.stringMatching(/^in\/ann\/[0-9a-f-]{36}$/) as string, size: bytes.length, sha256: sha256(bytes), type: 'application/octet-stream' })
  expect(s3.objects.get(body.key)!.body.equals(bytes)).toBe(true)
  expect(s3.log.filter((line) => line.includes('partNumber'))).toHaveLength(3)
  expect(s3.open.size).toBe(0)
})

test('files of a form are stored one after the other, with their fields beside them; small ones stay in the message', async () => {
  const form = new FormData()
  form.append('title', 'Papers')
  form.append('files', new Blob([`%PDF-1.7 ${'x'.repeat(200)}`], { type: 'application/pdf' }), '報告.pdf')
  form.append('files', new Blob(['short'], { type: 'text/plain' }), 'note.txt')
  const { body } = await post('/small?who=b', form)
  expect(body).toMatchObject({ title: 'Papers', files: [{ name: '報告.pdf', type: 'application/pdf', size: 209 }, { name: 'note.txt', type: 'text/plain', size: 5, data: expect.anything() as unknown }] })
  expect([...s3.objects.values()].map(({ type, body: stored }) => [type, stored.length])).toEqual([['application/pdf', 209]])
  expect((await post('/small', JSON.stringify({ a: 1 }), { 'content-type': 'application/json' })).body).toEqual({ a: 1 })
  const parsed = new FormData()
  parsed.append('one', new Blob(['held'], { type: 'text/plain' }), 'held.txt')
  expect((await post('/form', parsed)).body).toMatchObject({ one: { name: 'held.txt', size: 4, sha256: sha256(Buffer.from('held')) } })
})

test('what is too large, of another type, or not what it says to be is refused, and nothing of it is left', async () => {
  const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(7 * mebibyte)])
  expect(await post('/pictures', png.subarray(0, 2000), { 'content-type': 'image/png' })).toMatchObject({ status: 200, body: { type: 'image/png' } })
  s3.objects.clear()
  expect(await post('/pictures', Readable.from([png]), { 'content-type': 'image/png' })).toMatchObject({ status: 413, body: { code: 'body.too_large' } })
  expect(await post('/pictures', 'text', { 'content-type': 'text/plain' })).toMatchObject({ status: 415 })
  expect(await post('/pictures', '%PDF-1.7', { 'content-type': 'image/png' })).toMatchObject({ status: 415 })
  const form = new FormData()
  form.append('good', new Blob([png.subarray(0, 3000)], { type: 'image/png' }), 'a.png')
  form.append('bad', new Blob(['MZ and more'], { type: 'image/png' }), 'b.png')
  expect(await post('/pictures', form)).toMatchObject({ status: 415 })
  await until(() => s3.objects.size === 0 && s3.open.size === 0)
})

test('a caller who leaves in the middle leaves nothing behind', async () => {
  const call = httpRequest(`${gateway.url}/upload?who=gone`, { method: 'POST', headers: { 'content-type': 'application/octet-stream' } })
  call.on('error', () => {})
  call.write(randomBytes(6 * mebibyte))
  await until(() => [...s3.open.values()].some(({ parts }) => parts.size > 0))
  call.destroy()
  await until(() => s3.open.size === 0)
  expect(s3.log.at(-1)).toMatch(/^DELETE .* 204$/)
  expect(s3.objects.size).toBe(0)
})

test('a storage that gets other bytes, another key or is full refuses, the caller learns 502 and nothing of the secret, and what was stored is taken away', async () => {
  s3.spoil = (body) => (body.length > 1000 ? Buffer.concat([body.subarray(1), Buffer.from('x')]) : body)
  expect(await post('/upload', randomBytes(6 * mebibyte), { 'content-type': 'application/octet-stream' })).toMatchObject({ status: 502, body: { code: 'storage.refused' } })
  await until(() => s3.open.size === 0)
  s3.spoil = undefined
  s3.fail = (method, url) => (method === 'PUT' && url.includes('partNumber=2') ? 503 : undefined)
  expect(await post('/upload', randomBytes(11 * mebibyte), { 'content-type': 'application/octet-stream' })).toMatchObject({ status: 502 })
  await until(() => s3.open.size === 0 && s3.objects.size === 0)
  const stranger = await post('/stranger', 'x', { 'content-type': 'application/octet-stream' })
  expect(stranger).toMatchObject({ status: 502, body: { code: 'storage.refused' } })
  expect(JSON.stringify(stranger)).not.toMatch(/AKID|secret/)
})

test('an object is streamed back, whole, in part, or not at all when the caller has it already', async () => {
  const bytes = randomBytes(3 * mebibyte)
  s3.objects.set('out/a', { body: bytes, type: 'video/mp4' })
  const whole = await fetch(`${gateway.url}/files/a?as=${encodeURIComponent('影片 "1".mp4')}`)
  expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true)
  expect([whole.status, whole.headers.get('content-type'), whole.headers.get('content-length'), whole.headers.get('x-amz-request-id')]).toEqual([200, 'video/mp4', String(bytes.length), null])
  expect(whole.headers.get('content-disposition')).toBe(`attachment; filename="__ _1_.mp4"; filename*=UTF-8''%E5%BD%B1%E7%89%87%20%221%22.mp4`)
  const part = await fetch(`${gateway.url}/files/a`, { headers: { range: 'bytes=100-199' } })
  expect([part.status, part.headers.get('content-range'), Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(100, 200))]).toEqual([206, `bytes 100-199/${bytes.length}`, true])
  expect((await fetch(`${gateway.url}/files/a`, { headers: { 'if-none-match': whole.headers.get('etag')! } })).status).toBe(304)
  expect((await fetch(`${gateway.url}/files/a`, { headers: { range: 'bytes=99999999-' } })).status).toBe(416)
  for (const id of ['none', '..%2Fin', '%2E%2E']) expect((await fetch(`${gateway.url}/files/${id}`)).status).toBe(404)
})
