import { gatewayLine } from './admission.ts'
import type { Check } from './client-rules.ts'
import type { Decision } from './decision.ts'
import type { ReadLanguage } from '../read-language.ts'
import { refusalReasons } from './refusal-reasons.ts'
import { lookUp } from '../saying.ts'
import { toZonedMoment } from '../time/zoned-moment.ts'

/** What people read of one check: what was looked at, what was found, and when it passes again. */
export interface ExplainedCheck {
  readonly name: string
  readonly found: string
  /** `opens again Mon 08:00 Asia/Taipei`; absent when time alone changes nothing, or it passed. */
  readonly passes?: string
}

/** A check in people's words; one that is not known by its name is told by its facts. */
export function explainCheck(check: Check, language: ReadLanguage): ExplainedCheck {
  const say = lookUp(checks, check.check)?.(check, toWords(check, language), language === 'en') ?? { name: check.check, found: toFacts(check) }
  const { passes, ...rest } = say
  return { ...rest, ...(passes === undefined || check.passed ? {} : { passes }) }
}

/** When the call passes, by the clock on the wall of `zone`; `undefined` when time alone changes nothing. */
export function explainPassing(decision: Pick<Decision, 'passesAtMs' | 'checks' | 'decidedBy'>, language: ReadLanguage): string | undefined {
  const { passesAtMs, checks: looked, decidedBy } = decision
  if (passesAtMs === undefined) return undefined
  return toZonedMoment(passesAtMs, zoneOf(looked[decidedBy]), language)
}

function zoneOf(check: Check | undefined): string {
  return typeof check?.zone === 'string' ? check.zone : 'UTC'
}

/** The end of what a date can hold (ECMA-262 §21.4.1.1). */
const latestMs = 8.64e15

type Say = (check: Check, words: Words, en: boolean) => { readonly name: string; readonly found: string; readonly passes?: string | undefined }

interface Words {
  text(name: string): string
  list(name: string): string
  moment(name: string): string | undefined
  readonly reason: string
}

function toWords(check: Check, language: ReadLanguage): Words {
  const text = (name: string) => (check[name] === undefined ? '?' : typeof check[name] === 'object' ? JSON.stringify(check[name]) : String(check[name]))
  return {
    text,
    list: (name) => (Array.isArray(check[name]) ? (check[name] as unknown[]).map(String).join(', ') : text(name)),
    moment: (name) => (typeof check[name] === 'number' && Math.abs(check[name]) <= latestMs ? toZonedMoment(check[name], zoneOf(check), language) : undefined),
    reason: typeof check.reason === 'string' ? (language === 'en' ? check.reason : (lookUp(refusalReasons, check.reason) ?? check.reason)) : '',
  }
}

function toFacts({ check: _check, passed: _passed, ...facts }: Check): string {
  return Object.entries(facts).map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`).join(', ')
}

const credentialNames: Readonly<Record<string, readonly [en: string, zh: string]>> = {
  key: ['API key', 'API 金鑰'],
  basic: ['User name and password', '使用者名稱與密碼'],
  jwt: ['Access token (JWT)', '存取權杖（JWT）'],
  introspection: ['Access token (introspection)', '存取權杖（內省）'],
  signature: ['Message signature', '訊息簽章'],
  'sign code': ['Sign code', '簽章碼'],
  certificate: ['Client certificate', '用戶端憑證'],
}

/** What the caller shows to prove who it is. */
const credential = ([name, zh]: readonly [string, string]): Say => ({ passed }, { reason }, en) => ({
  name: en ? name : zh,
  found: passed ? (en ? 'good' : '有效') : reason === 'not there' || reason === refusalReasons['not there'] ? (en ? 'the request carries none' : '請求中沒有') : reason,
})

const limit = (name: string, zh: string): Say => ({ window, per, limit: most, used, remaining }, { moment }, en) => {
  const whom = per === undefined ? '' : en ? ` per ${String(per)}` : `（${lookUp(perNames, String(per)) ?? String(per)}）`
  const resets = moment('resetsAtMs')
  return {
    name: `${en ? name : zh}${whom}`,
    found: en
      ? `${String(used ?? '?')} of ${String(most ?? '?')} used${window === undefined ? '' : window === 'total' ? ' in all' : ` per ${String(window)}`}, ${String(remaining ?? 0)} left`
      : `上限 ${String(most ?? '?')}${window === undefined ? '' : `／${toWindow(String(window))}`}，已用 ${String(used ?? '?')}，剩餘 ${String(remaining ?? 0)}`,
    passes: resets && (en ? `counts anew ${resets}` : `${resets} 重新計數`),
  }
}

const checks: Readonly<Record<string, Say>> = {
  ...Object.fromEntries(Object.entries(credentialNames).map(([kind, names]) => [kind, credential(names)])),
  request: (_check, { reason }, en) => ({ name: en ? 'Request' : '請求', found: reason }),
  records: (_check, { reason }, en) => ({ name: en ? 'Records of callers' : '呼叫端資料', found: reason }),
  'caller is asked': (_check, { reason }, en) => ({ name: en ? 'Public route' : '公開路由', found: en ? reason : `此路由未確認呼叫者身分（${reason}）` }),
  application: ({ passed }, { text }, en) => ({ name: en ? 'Application' : '應用程式', found: `${text('application')}${en ? ': ' : '：'}${passed ? (en ? 'active' : '啟用中') : en ? 'switched off, or its organisation is' : '已停用，或所屬組織已停用'}` }),
  credential: ({ passed, kind }, _words, en) => {
    const names = lookUp(credentialNames, String(kind))
    const what = names ? names[en ? 0 : 1] : String(kind)
    return { name: en ? 'Credential' : '憑證', found: `${what}${en ? ': ' : '：'}${passed ? (en ? 'in use' : '使用中') : en ? 'taken back' : '已撤銷'}` }
  },
  'credential not expired': ({ passed }, { text }, en) => ({ name: en ? 'End of the credential' : '憑證到期', found: en ? `${passed ? 'ends' : 'ended'} ${text('expiresAt')}` : `${passed ? '到期時間' : '已於此時到期'}：${text('expiresAt')}` }),
  rules: (_check, { reason }, en) => ({ name: en ? 'Client rules' : '用戶端規則', found: en ? `cannot be read: ${reason}` : `無法讀取：${reason}` }),
  network: ({ passed }, { text, list }, en) => ({
    name: en ? 'Network of the client' : '用戶端網段',
    found: en ? `${text('ip')} is ${passed ? '' : 'not '}in ${list('networks')}` : `${text('ip')} ${passed ? '屬於' : '不屬於'} ${list('networks')}`,
  }),
  'valid from': ({ passed, from }, { text }, en) => ({
    name: en ? 'Valid from' : '生效時間', found: en ? `${passed ? 'since' : 'not before'} ${text('from')}` : `${passed ? '自此時起生效' : '尚未生效'}：${text('from')}`,
    passes: typeof from === 'string' ? (en ? `valid from ${from}` : `${from} 起生效`) : undefined,
  }),
  'valid until': ({ passed }, { text }, en) => ({ name: en ? 'Valid until' : '失效時間', found: en ? `${passed ? 'until' : 'ended'} ${text('until')}` : `${passed ? '有效至' : '已於此時失效'}：${text('until')}` }),
  'service hours': ({ passed, windows }, { text, moment }, en) => {
    const opens = moment('opensAtMs')
    return {
      name: en ? 'Service hours' : '服務時間',
      found: `${passed ? (en ? 'open' : '開放中') : en ? 'closed' : '未開放'}${en ? ': ' : '：'}${toHours(windows, en)} ${text('zone')}`,
      passes: opens && (en ? `opens again ${opens}` : `${opens} 再度開放`),
    }
  },
  scopes: ({ passed }, { list }, en) => ({ name: en ? 'Scopes' : '權限範圍', found: passed ? list('wanted') : en ? `asked for ${list('wanted')}; missing ${list('missing')}` : `需要 ${list('wanted')}；缺少 ${list('missing')}` }),
  clearance: ({ passed }, { list }, en) => ({ name: en ? 'Clearance' : '許可等級', found: en ? `${passed ? 'has' : 'lacks'} one of ${list('wanted')}` : `${passed ? '具備' : '不具備'}其中之一：${list('wanted')}` }),
  API: ({ passed, sunset }, { text }, en) => ({
    name: 'API',
    found: `${text('api')}${en ? ': ' : '：'}${text('lifecycle')}${!passed && sunset !== undefined ? (en ? `, end of service ${String(sunset)}` : `，終止服務 ${String(sunset)}`) : ''}`,
  }),
  subscription: ({ states }, { reason, list }, en) => ({ name: en ? 'Subscription' : '訂閱', found: `${reason}${states === undefined ? '' : ` (${list('states')})`}` || (en ? 'approved' : '已核准') }),
  allowed: ({ passed }, { text, list }, en) => ({ name: en ? 'Allowed addresses' : '允許的位址', found: en ? `${text('ip')} is ${passed ? '' : 'not '}allowed${inList(list('networks'))}` : `${passed ? '允許' : '不允許'} ${text('ip')}${inList(list('networks'))}` }),
  'not denied': ({ passed }, { text, list }, en) => ({ name: en ? 'Denied addresses' : '拒絕的位址', found: en ? `${text('ip')} is ${passed ? 'not ' : ''}denied${inList(list('networks'))}` : `${passed ? '未拒絕' : '拒絕'} ${text('ip')}${inList(list('networks'))}` }),
  counter: limit('Quota', '配額'),
  rate: limit('Rate', '速率'),
  lease: ({ passed, limit: most, used, per }, _words, en) => ({
    name: `${en ? 'Calls at the same time' : '同時呼叫數'}${per === undefined ? '' : en ? ` per ${String(per)}` : `（${lookUp(perNames, String(per)) ?? String(per)}）`}`,
    found: en ? `${String(used ?? most ?? '?')} of ${String(most ?? '?')} under way` : `上限 ${String(most ?? '?')}，進行中 ${String(used ?? most ?? '?')}`,
    passes: passed ? undefined : en ? 'as soon as one of them ends' : '其中一個結束後即可',
  }),
  line: (_check, { text }, en) => ({ name: en ? 'Line of calls that wait' : '等候佇列', found: en ? `full: ${text('limit')} wait already` : `已滿：已有 ${text('limit')} 個等候中`, passes: en ? 'in a moment' : '稍後即可' }),
  turn: ({ passed, reason, resource }, { text }, en) => ({
    name: en ? 'Turn at a resource' : '資源的順位',
    found: en ? `${resource === gatewayLine ? 'limit of the gateway' : text('resource')}: ${text('ahead')} ahead at priority ${text('priority')}, ${text('underWay')} under way, waited ${text('waitedMs')} ms` : `${resource === gatewayLine ? '閘道的上限' : text('resource')}：優先級 ${text('priority')} 前面有 ${text('ahead')} 個，進行中 ${text('underWay')} 個，已等候 ${text('waitedMs')} 毫秒`,
    passes: passed ? undefined : reason === 'self' ? (en ? 'not by waiting: the call comes from a run that holds a slot' : '等候無用：呼叫來自持有名額的執行') : en ? `a turn is expected in ${text('estimatedWaitMs')} ms` : `預計 ${text('estimatedWaitMs')} 毫秒後輪到`,
  }),
  plan: (_check, _words, en) => ({ name: en ? 'Plan' : '方案', found: en ? 'the caller has none, and there is no limit for callers without one' : '呼叫者沒有方案，且未設定無方案者的限制' }),
  'shared state': (_check, _words, en) => ({ name: en ? 'Shared state' : '共用狀態', found: en ? 'what gateways count together cannot be reached' : '無法連線至閘道共用的計數', passes: en ? 'when it is reached again' : '恢復連線後即可' }),
  session: ({ limit: most }, { text }, en) => ({
    name: en ? 'Session' : '工作階段',
    found: most === undefined ? (en ? `${text('session')}: none that is live` : `${text('session')}：沒有有效的工作階段`) : en ? `${text('session')}: ${String(most)} are open already` : `${text('session')}：已有 ${String(most)} 個`,
  }),
  reveal: ({ clearance, why }, { text }, en) => {
    const say = lookUp(whyDenied, String(why)) ?? whyDenied['grant']!
    return { name: en ? 'Protected data' : '受保護資料', found: `${text('domain')}${en ? ', ' : '，'}${text('purpose')}${en ? ': ' : '：'}${say[en ? 0 : 1]}${why === 'clearance' && clearance !== undefined ? (en ? `; it has ${String(clearance)}` : `（現為 ${String(clearance)}）`) : ''}` }
  },
  comparisons: ({ purpose }, { text, moment }, en) => {
    const again = moment('passesAtMs')
    const where = `${text('domain')}${purpose === undefined ? '' : `${en ? ', ' : '，'}${text('purpose')}`}`
    return {
      name: en ? 'Comparisons with tokens' : '核對代碼',
      found: en ? `${where}: too many of this client came out different within a minute` : `${where}：此用戶端一分鐘內核對不符的次數過多`,
      passes: again && (en ? `compares again ${again}` : `${again} 可再核對`),
    }
  },
  'idempotency key': (_check, { text }, en) => ({ name: en ? 'Idempotency key' : '防重複鍵', found: en ? `from ${text('keyFrom')}: does not let this request pass` : `來源 ${text('keyFrom')}：不允許此請求` }),
}

/** As the vault says it. */
const whyDenied: Readonly<Record<string, readonly [en: string, zh: string]>> = {
  caller: ['nobody proved to call with production credentials', '無人以正式憑證證明身分'],
  clearance: ['the application lacks a clearance that the domain asks for', '應用程式不具備網域要求的許可等級'],
  purpose: ['the domain knows no such purpose', '網域沒有此目的'],
  grant: ['the application has no grant for it', '應用程式沒有相應的授權'],
  ended: ['the grant has ended', '授權已到期'],
}

function inList(networks: string): string {
  return networks === '?' ? '' : ` (${networks})`
}

const perNames: Readonly<Record<string, string>> = { all: '全部', api: '每個 API', resource: '每個資源', application: '每個應用程式', subscription: '每個訂閱', ip: '每個 IP', key: '每個鍵' }
const unitNames: Readonly<Record<string, string>> = { second: '秒', minute: '分鐘', hour: '小時', day: '天', week: '週', month: '個月' }

/** `5 minutes` as `5 分鐘`. */
function toWindow(window: string): string {
  if (window === 'total') return '總計'
  const [, count = '', unit = ''] = /^(?:(\d+) )?([a-z]+?)s?$/.exec(window) ?? []
  return lookUp(unitNames, unit) === undefined ? window : `${count === '' ? '每' : `${count} `}${unitNames[unit]}`
}

const dayNames = { en: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'], zh: ['週一', '週二', '週三', '週四', '週五', '週六', '週日'] }

function toHours(windows: unknown, en: boolean): string {
  if (!Array.isArray(windows)) return ''
  return windows
    .map((window) => Object(window) as { readonly days?: unknown; readonly from?: unknown; readonly to?: unknown })
    .map(({ days, from, to }) => `${Array.isArray(days) ? days.map((day) => dayNames[en ? 'en' : 'zh'][Number(day) - 1] ?? '?').join(en ? ' ' : '、') : ''} ${String(from)}–${String(to)}`)
    .join(en ? '; ' : '；')
}
