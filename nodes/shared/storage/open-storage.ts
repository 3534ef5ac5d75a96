import { createHash } from 'node:crypto'
import { errand } from '../../../runtime/core/errand.ts'
import { fault } from '../../../runtime/core/fault.ts'
import type { Scope } from '../../../runtime/core/node.ts'
import type { Run } from '../../../runtime/core/run.ts'
import type { StreamReply, UpstreamReply } from '../../../runtime/core/upstream/upstream.ts'
import { encodeRfc3986, signS3, type S3Call } from './s3-sign.ts'
import { withEnv } from '../with-env.ts'

/** A part of an object that was taken, and what proves it. */
export interface StoredPart {
  readonly number: number
  readonly etag: string
  readonly checksum: string
}

/** One bucket of an S3-compatible object storage. All throw Fault `storage.refused`, `upstream.*`, `egress.denied`. */
export interface Storage {
  /** Address of an object, without a signature. */
  urlOf(key: string): string
  put(key: string, body: Buffer, contentType: string, run: Run): Promise<void>
  /** Begins an object in parts. */
  begin(key: string, contentType: string, run: Run): Promise<string>
  putPart(key: string, upload: string, number: number, body: Buffer, run: Run): Promise<StoredPart>
  complete(key: string, upload: string, parts: readonly StoredPart[], run: Run): Promise<void>
  /** Gives back what was stored of an object that came to nothing. Goes on when the run has ended; never rejects. */
  abort(key: string, upload: string | undefined): Promise<void>
  open(method: 'GET' | 'HEAD', key: string, headers: Readonly<Record<string, string>>, run: Run): Promise<StreamReply>
}

const answerLimitBytes = 1024 * 1024
const cleanUpMs = 30_000

/** The storage that a node names. @throws Fault `config.invalid` */
export function openStorage(scope: Scope, id: string, { timeoutMs, idleMs }: { readonly timeoutMs: number; readonly idleMs: number }): Storage {
  const view = scope.configNode(id)
  if (!view || view.type !== 'object storage') throw fault('config.invalid', { message: 'The node names no object storage.', property: 'storage' })
  const env = (name: string) => scope.env(name)
  const text = (value: unknown) => withEnv(typeof value === 'string' ? value.trim() : '', env)
  const { config, credentials: secrets } = view
  // Where callouts are answered by a case there is nobody to prove anything to, and no secrets.
  const key = scope.upstream.open ? { accessKeyId: text(secrets['accessKeyId']), secretAccessKey: text(secrets['secretAccessKey']) } : { accessKeyId: 'played', secretAccessKey: 'played' }
  const credentials = { ...key, region: text(config['region']) || 'us-east-1' }
  if (credentials.accessKeyId === '' || credentials.secretAccessKey === '') throw fault('config.invalid', { message: 'The object storage has no access key.', property: 'storage' })
  const endpoint = new URL(text(config['endpoint']))
  const bucket = text(config['bucket'])
  const base = config['pathStyle'] === false ? `${endpoint.protocol}//${bucket}.${endpoint.host}` : `${endpoint.origin}/${encodeRfc3986(bucket)}`
  const urlOf = (key: string) => `${base}/${key.split('/').map(encodeRfc3986).join('/')}`

  function signed(call: S3Call): Record<string, string> {
    return signS3(call, credentials, scope.clock.now())
  }

  async function call(given: S3Call, run: Run): Promise<UpstreamReply> {
    const { method, url, body } = given
    const reply = await scope.upstream.request({ method, url, headers: signed(given), ...(body === undefined ? {} : { body }), timeoutMs, responseLimitBytes: answerLimitBytes, redirects: 0 }, run)
    // A completed upload may say with 200 that it failed.
    const said = reply.status >= 300 || method === 'POST' ? reply.body.bytes().toString('utf8') : ''
    const code = /<Error>[\s\S]*?<Code>([\w.]{1,100})<\/Code>/.exec(said)?.[1]
    if (reply.status >= 300 || code !== undefined) throw fault('storage.refused', { host: endpoint.host, status: reply.status, ...(code === undefined ? {} : { code }) })
    return reply
  }

  return {
    urlOf,
    async put(key, body, contentType, run) {
      await call({ method: 'PUT', url: urlOf(key), headers: { 'content-type': contentType, 'x-amz-checksum-sha256': checksumOf(body) }, body }, run)
    },
    async begin(key, contentType, run) {
      const { body } = await call({ method: 'POST', url: `${urlOf(key)}?uploads`, headers: { 'content-type': contentType, 'x-amz-checksum-algorithm': 'SHA256' } }, run)
      const id = /<UploadId>([^<]+)<\/UploadId>/.exec(body.bytes().toString('utf8'))?.[1]
      if (id === undefined) throw fault('storage.refused', { host: endpoint.host, status: 200, code: 'NoUploadId' })
      return id.replaceAll('&amp;', '&')
    },
    async putPart(key, upload, number, body, run) {
      const checksum = checksumOf(body)
      const { headers } = await call({ method: 'PUT', url: `${urlOf(key)}?partNumber=${number}&uploadId=${encodeRfc3986(upload)}`, headers: { 'x-amz-checksum-sha256': checksum }, body }, run)
      const kept = headers['x-amz-checksum-sha256']
      if (kept !== undefined && kept !== checksum) throw fault('storage.refused', { host: endpoint.host, status: 200, code: 'ChecksumMismatch' })
      return { number, etag: String(headers['etag'] ?? ''), checksum }
    },
    async complete(key, upload, parts, run) {
      const list = parts.map(({ number, etag, checksum }) => `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag><ChecksumSHA256>${checksum}</ChecksumSHA256></Part>`).join('')
      await call({ method: 'POST', url: `${urlOf(key)}?uploadId=${encodeRfc3986(upload)}`, headers: { 'content-type': 'application/xml' }, body: Buffer.from(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list}</CompleteMultipartUpload>`) }, run)
    },
    async abort(key, upload) {
      try {
        await call({ method: 'DELETE', url: upload === undefined ? urlOf(key) : `${urlOf(key)}?uploadId=${encodeRfc3986(upload)}`, headers: {} }, errand(scope, cleanUpMs))
      } catch (error) {
        scope.log.warn({ key, reason: error instanceof Error ? error.message : String(error) }, 'what was stored of an upload that came to nothing could not be taken away')
      }
    },
    async open(method, key, headers, run) {
      const { openStream } = scope.upstream
      if (!openStream) throw fault('config.invalid', { message: 'Streams cannot be passed through here.' })
      const given = { method, url: urlOf(key), headers }
      return await openStream({ method, url: given.url, headers: signed(given), timeoutMs, idleMs }, run)
    },
  }
}

function checksumOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('base64')
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
