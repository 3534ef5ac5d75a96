import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { Body } from '../../runtime/core/http/body.ts'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import { fault, toFault } from '../../runtime/core/fault.ts'
import { unchanged } from '../../runtime/core/labels/labels.ts'
import { labelsOfTemplate } from '../../runtime/core/labels/of-value.ts'
import { defineNode, type NodeProblem } from '../../runtime/core/node.ts'
import { parsePathTemplate, TemplateError } from '../../runtime/core/values/path-template.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import { isSandboxCall } from '../../runtime/core/access/sandbox-call.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'
import { openStorage } from '../shared/storage/open-storage.ts'
import { addTo, readMultipart } from './read-multipart.ts'
import { type Offloaded, storeStream } from './store-stream.ts'
import { createTurns } from './turns.ts'

export interface UploadOffloadConfig {
  readonly storage: string
  readonly prefix: string
  readonly aboveBytes: number
  readonly limitBytes: number
  readonly partBytes: number
  readonly atOnce: number
  readonly types: readonly string[]
  readonly checkContent: boolean
  readonly timeoutMs: number
}

const mebibyte = 1024 * 1024
const zh = (title: string, description: string) => ({ 'zh-TW': { title, description } })

/** Puts large bodies and files into an object storage while they come, and their address into the message. */
export const uploadOffload = defineNode<UploadOffloadConfig, 'out'>({
  type: 'upload offload',
  category: 'callout',
  label: { en: 'upload offload', 'zh-TW': '上傳轉存' },
  summary: { en: 'Streams bodies and files of callers to an S3-compatible storage; the message gets their address, size and hash.', 'zh-TW': '將呼叫端的本文與檔案串流至 S3 相容儲存空間；訊息中改為位址、大小與雜湊值。' },
  icon: 'fa-cloud-upload',
  outputs: ['out'],
  labels: unchanged,
  leaks: ({ prefix }, input) => [
    { to: 'store', what: 'what is uploaded', labels: input.at(['payload']).and(input.at(['req', 'files'])) },
    { to: 'store', what: 'the key', property: 'prefix', labels: labelsOfTemplate(prefix, input) },
  ],
  faults: ['body.too_large', 'body.unsupported', 'body.malformed', 'body.incomplete', 'body.taken', 'sandbox.none', 'storage.refused', 'upstream.connect', 'upstream.timeout', 'egress.denied', 'step.config'],
  config: {
    type: 'object',
    properties: {
      storage: { type: 'string', default: '', 'x-config': 'object storage', title: 'Storage', description: 'The bucket.', 'x-form': zh('儲存空間', '儲存桶。') },
      prefix: { type: 'string', default: 'uploads/', title: 'Key begins with', description: 'Text that may hold {{req.params.id}}. A random name follows; callers never choose it.', 'x-form': { control: 'template', ...zh('鍵的開頭', '文字可含 {{req.params.id}}。其後接上隨機名稱，呼叫端無法指定。') } },
      aboveBytes: { type: 'integer', minimum: 0, maximum: 8 * mebibyte, default: 0, title: 'Larger than', description: 'Bytes. What is not larger stays in the message. 0: everything is stored.', 'x-form': zh('大於', '位元組。未超過者留在訊息中。0 表示全部轉存。') },
      limitBytes: { type: 'integer', minimum: 1, default: 1024 * mebibyte, title: 'Largest file', description: 'Bytes. What is larger is refused (413), and what was stored of it is taken away.', 'x-form': zh('檔案上限', '位元組。超過者拒絕（413），已存部分會移除。') },
      partBytes: { type: 'integer', minimum: 5 * mebibyte, maximum: 64 * mebibyte, default: 5 * mebibyte, title: 'Part', description: 'Bytes that are held, and sent, at a time.', 'x-form': zh('分段大小', '一次保留並送出的位元組數。') },
      atOnce: { type: 'integer', minimum: 1, maximum: 100, default: 16, title: 'At once', description: 'Uploads of this node that a gateway takes at a time; each holds a part or two in memory. Others wait, unread, until their deadline.', 'x-form': zh('同時上傳數', '閘道同時處理此節點的上傳數；每個上傳在記憶體中保留一至兩個分段。其他上傳等候（不讀取），直到其期限。') },
      types: { type: 'array', items: { type: 'string' }, default: [], title: 'Types taken', description: 'Such as image/*, application/pdf. Empty: all. Others get 415.', 'x-form': { control: 'list', ...zh('接受的類型', '例如 image/*、application/pdf。留空則全部接受；其他回應 415。') } },
      checkContent: { type: 'boolean', default: true, title: 'Look at the first bytes', description: 'A file that is not what it says to be is refused (415).', 'x-form': zh('檢查開頭位元組', '內容與宣告類型不符的檔案會被拒絕（415）。') },
      timeoutMs: { type: 'integer', minimum: 1, default: 60_000, title: 'Timeout (ms)', description: 'Of each call to the storage; the deadline of the run applies as well.', 'x-form': zh('逾時（毫秒）', '每次呼叫儲存空間的時限；執行期限同樣適用。') },
    },
  },
  check(config, facts) {
    const problems: NodeProblem[] = []
    if (facts.typeOf(config.storage) !== 'object storage') problems.push({ code: 'config.missing', property: 'storage', message: 'The upload offload names no object storage.', remedy: 'Choose one, or make one.' })
    try {
      parsePathTemplate(config.prefix)
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      problems.push({ code: 'template.syntax', property: 'prefix', message: error.message, remedy: 'Write text that may hold {{req.params.id}}.' })
    }
    return problems
  },
  compile(config, scope) {
    const storage = openStorage(scope, config.storage, { timeoutMs: config.timeoutMs, idleMs: config.timeoutMs })
    const prefix = parsePathTemplate(config.prefix)
    const turns = createTurns(config.atOnce)
    const { limitBytes, aboveBytes, partBytes, types, checkContent } = config
    const limits = { limitBytes, aboveBytes, partBytes, types: types.map((type) => type.trim().toLowerCase()), checkContent }

    return async function uploadOffload(message, run) {
      if (isSandboxCall(run, message)) throw fault('sandbox.none', { node: `“${scope.node.name ?? scope.node.type}”`, remedy: 'Lead sandbox callers around it.' })
      const request = run.request ?? (message.req as RequestFacts | undefined)
      const start = prefix.render(message).replace(/^\/+/, '')
      if (start.split('/').some((part) => part === '..' || part === '.')) throw fault('step.config', { message: 'The key of an upload must not hold “..”.' })
      const header = request?.headers['content-type']
      const stored: string[] = []
      const store = async (stream: AsyncIterable<Buffer>, type: string): Promise<Offloaded | Buffer> => {
        const key = `${start}${randomUUID()}`
        const made = await storeStream(stream, { key, type: type === '' ? 'application/octet-stream' : type, storage, limits, run })
        if (!Buffer.isBuffer(made)) stored.push(made.key)
        return made
      }
      const storeFile = async (into: Record<string, unknown>, { field, name, type, stream }: { field: string; name: string; type: string; stream: AsyncIterable<Buffer> }) => {
        const made = await store(stream, type)
        addTo(into, field, Buffer.isBuffer(made) ? { name, type, size: made.length, data: made } : { name, ...made })
      }

      const { payload } = message
      const declared = payload instanceof ByteStream ? payload.contentType : typeof header === 'string' ? header : undefined
      const type = (declared?.split(';', 1)[0] ?? '').trim().toLowerCase()
      const files = request?.files ?? []
      let source: Readable | undefined
      let stop = () => {}
      const leave = await turns.enter(run)
      try {
        if (files.length > 0) {
          const fields: Record<string, unknown> = { ...(typeof payload === 'object' && payload !== null && !Buffer.isBuffer(payload) && !(payload instanceof Body) ? payload : {}) }
          for (const { fieldname, originalname, mimetype, buffer } of files) await storeFile(fields, { field: fieldname, name: originalname, type: mimetype.toLowerCase(), stream: Readable.from(piecesOf(buffer)) })
          return { out: { ...message, payload: fields } }
        }
        const body = (source = payload instanceof ByteStream ? payload.take() : Readable.from(piecesOf(toBytes(payload))))
        stop = whenAborted(run, (reason) => body.destroy(toFault(reason)))
        if (type === 'multipart/form-data') {
          const found: Record<string, unknown> = {}
          const fields = await readMultipart(body, declared as string, (file) => storeFile(found, file))
          for (const [name, value] of Object.entries(found)) for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) addTo(fields, name, one)
          return { out: { ...message, payload: fields } }
        }
        const made = await store(body as AsyncIterable<Buffer>, type)
        return { out: { ...message, payload: Buffer.isBuffer(made) ? toPayload(made, declared) : made } }
      } catch (error) {
        // What was refused is not read to its end.
        source?.destroy()
        // Files that came before the one that failed belong to nobody.
        await Promise.all(stored.map((key) => storage.abort(key, undefined)))
        throw error
      } finally {
        stop()
        leave()
      }
    }
  },
})

/** Bytes in pieces of the size that sockets give. */
function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}

function toBytes(payload: unknown): Buffer {
  if (Buffer.isBuffer(payload)) return payload
  if (payload instanceof Body) return payload.bytes()
  if (payload instanceof Uint8Array) return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  if (typeof payload === 'string') return Buffer.from(payload, 'utf8')
  throw fault('step.config', { message: 'The payload is no stream, no bytes and no text, so there is nothing to store. Put upload offload right behind http in.' })
}

/** What stays in the message is what http in would have given. */
function toPayload(bytes: Buffer, contentType: string | undefined): unknown {
  if (/[/+]json\b/i.test(contentType ?? '')) return Body.ofJsonBytes(bytes, contentType, (error) => fault('body.malformed', { type: 'JSON', reason: (error as Error).message }, error))
  return /^text\//i.test(contentType ?? '') ? bytes.toString('utf8') : bytes
}
