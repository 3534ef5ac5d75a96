import type { ConfigNodeView, JsonSchema } from '../../../runtime/core/node.ts'
import { optionFields, type UpstreamOptions } from './upstream-options.ts'
import { withDefaults } from '../with-defaults.ts'

/** A service by name, as its form says it. */
export interface UpstreamConfig extends UpstreamOptions {
  readonly name: string
  readonly targets: readonly { readonly url: string; readonly weight: number }[]
  readonly balance: 'round-robin' | 'least-connections' | 'hash'
  readonly hashKey: string
  readonly hashKeyType: 'msg' | 'jsonata' | 'env'
  readonly tls: string
  readonly auth: string
  readonly http2: boolean
  readonly tellBudget: boolean
  readonly ejectAfter: number
  readonly ejectMs: number
  readonly ejectPercent: number
  readonly slowStartMs: number
  readonly checkPath: string
  readonly checkIntervalMs: number
  readonly checkTimeoutMs: number
  readonly checkStatus: string
  readonly checkDownAfter: number
  readonly checkUpAfter: number
}

const zh = (title: string, description: string, choices?: Readonly<Record<string, string>>) => ({ 'zh-TW': { title, description, ...(choices ? { choices } : {}) } })
const ms = (standard: number, minimum = 0) => ({ type: 'integer', minimum, maximum: 3_600_000, default: standard })

export const upstreamSchema: JsonSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 100, title: 'Name', description: 'As it stands in metrics and faults.', 'x-form': zh('名稱', '用於指標與錯誤訊息。') },
    targets: {
      type: 'array', maxItems: 100, title: 'Targets', description: 'Servers: http(s)://host:port, with a path if all calls begin with it. A name with several addresses is several servers. Weight: share of the calls.',
      'x-form': zh('目標', '伺服器：http(s)://主機:埠，若所有呼叫都以某路徑開頭可一併寫入。名稱有多個位址即為多台伺服器。權重：呼叫的分配比例。'),
      default: [],
      items: {
        type: 'object',
        properties: {
          url: { type: 'string', default: '', title: 'Address', 'x-form': zh('位址', '') },
          weight: { type: 'integer', minimum: 1, maximum: 1000, default: 1, title: 'Weight', 'x-form': zh('權重', '') },
        },
        required: ['url'],
      },
    },
    balance: {
      enum: ['round-robin', 'least-connections', 'hash'], default: 'round-robin', title: 'Spread', description: 'round-robin: in turn, by weight. least-connections: to the least busy. hash: the same key to the same server.',
      'x-form': zh('分配方式', '輪流（依權重）、給最不忙的，或依鍵值固定分配。', { 'round-robin': '輪流', 'least-connections': '最少連線', hash: '依鍵值' }),
    },
    hashKey: { type: 'string', default: '', title: 'Key', description: 'hash: what a call is spread by, such as req.params.id. A call without one is spread in turn.', 'x-form': { when: { balance: ['hash'] }, ...zh('鍵值', '依鍵值分配時所用的值，例如 req.params.id；沒有值的呼叫輪流分配。') } },
    hashKeyType: { enum: ['msg', 'jsonata', 'env'], default: 'msg' },
    tls: { type: 'string', default: '', 'x-config': 'tls-config', title: 'TLS', description: 'Client certificate, trusted authorities, name to expect, lowest version.', 'x-form': zh('TLS', '用戶端憑證、信任的憑證機構、預期名稱、最低版本。') },
    auth: { type: 'string', default: '', 'x-config': 'callout auth', title: 'Credentials', description: 'What proves to it who calls.', 'x-form': zh('憑證', '向上游證明身分所用。') },
    http2: { type: 'boolean', default: true, title: 'HTTP/2', description: 'Where the server offers it in TLS.', 'x-form': zh('使用 HTTP/2', '伺服器於 TLS 提供時使用。') },
    tellBudget: { type: 'boolean', default: true, title: 'Tell it the time left', description: 'Sends X-Request-Deadline (milliseconds left) and traceparent. Off for services of others.', 'x-form': zh('告知剩餘時間', '送出 X-Request-Deadline（剩餘毫秒）與 traceparent。他人的服務請關閉。') },
    ejectAfter: { type: 'integer', minimum: 0, maximum: 1000, default: 5, title: 'Leave out after', description: 'Failures of a server in a row (no connection, timeout, 5xx) until it is left out for a while. The last one never is. 0: none is.', 'x-form': zh('連續失敗剔除', '伺服器連續失敗（無法連線、逾時、5xx）幾次後暫時不用；最後一台永不剔除。0：不剔除。') },
    ejectMs: { ...ms(30_000, 1), title: 'Left out for', description: 'Milliseconds the first time; twice as long when it happens again, up to ten times.', 'x-form': zh('剔除時間（毫秒）', '首次；再發生時加倍，最多十倍。') },
    ejectPercent: { type: 'integer', minimum: 1, maximum: 100, default: 50, title: 'Most left out', description: 'Percent of the servers.', 'x-form': zh('剔除上限（%）', '占伺服器數的百分比。') },
    slowStartMs: { ...ms(0), title: 'Slow start', description: 'Milliseconds over which a server that comes (back) gets its whole share. 0: at once.', 'x-form': zh('緩啟動（毫秒）', '新加入或恢復的伺服器逐漸取得完整比例所需時間。0：立即。') },
    checkPath: { type: 'string', default: '', title: 'Health check', description: 'Path that each server is asked for, such as /healthz. Empty: none is asked.', 'x-form': zh('健康檢查', '定期向每台伺服器詢問的路徑，例如 /healthz。留空：不檢查。') },
    checkIntervalMs: { ...ms(5_000, 100), title: 'Check every', description: 'Milliseconds.', 'x-form': zh('檢查間隔（毫秒）', '兩次檢查之間。') },
    checkTimeoutMs: { ...ms(2_000, 1), title: 'Check timeout', description: 'Milliseconds.', 'x-form': zh('檢查逾時（毫秒）', '超過即為失敗。') },
    checkStatus: { type: 'string', default: '200-299', title: 'Good statuses', description: 'Statuses of a server that is well.', 'x-form': zh('健康狀態碼', '表示伺服器正常的狀態碼。') },
    checkDownAfter: { type: 'integer', minimum: 1, maximum: 100, default: 2, title: 'Down after', description: 'Failed checks in a row.', 'x-form': zh('判定故障', '連續失敗次數。') },
    checkUpAfter: { type: 'integer', minimum: 1, maximum: 100, default: 2, title: 'Up after', description: 'Good checks in a row.', 'x-form': zh('判定恢復', '連續成功次數。') },
    ...optionFields({}, {}, 1),
  },
  required: ['name'],
}

/** The config of an upstream as it was drawn, its defaults filled in. */
export function toUpstreamConfig({ config }: ConfigNodeView): UpstreamConfig {
  return withDefaults(upstreamSchema, config)
}
