import type { Check } from './client-rules.ts'
import type { Decision } from './decision.ts'

export type ReadLanguage = 'en' | 'zh-TW'

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
  return toMoment(passesAtMs, zoneOf(looked[decidedBy]), language)
}

function zoneOf(check: Check | undefined): string {
  return typeof check?.zone === 'string' ? check.zone : 'UTC'
}

/** `Mon 2026-11-23 08:00 Asia/Taipei`; seconds when the minute is not a whole one. */
export function toMoment(ms: number, zone: string, language: ReadLanguage): string {
  const parts = (timeZone: string) =>
    Object.fromEntries(
      new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : 'zh-TW', {
        timeZone, weekday: 'short', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
      }).formatToParts(ms).map(({ type, value }) => [type, value]),
    )
  let shown = zone
  let at: Record<string, string>
  try {
    at = parts(zone)
  } catch {
    shown = 'UTC' // a zone that this machine does not know
    at = parts('UTC')
  }
  const seconds = at['second'] === '00' ? '' : `:${at['second']}`
  return `${at['year']}-${at['month']}-${at['day']} (${at['weekday']}) ${at['hour']}:${at['minute']}${seconds} ${shown}`
}

/** The end of what a date can hold (ECMA-262 §21.4.1.1). */
const latestMs = 8.64e15

/** What gateways say is looked up among own names only. */
function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

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
    moment: (name) => (typeof check[name] === 'number' && Math.abs(check[name]) <= latestMs ? toMoment(check[name], zoneOf(check), language) : undefined),
    reason: typeof check.reason === 'string' ? (language === 'en' ? check.reason : (lookUp(reasons, check.reason) ?? check.reason)) : '',
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
  found: passed ? (en ? 'good' : '有效') : reason === 'not there' || reason === reasons['not there'] ? (en ? 'the request carries none' : '請求中沒有') : reason,
})

const limit = (name: string, zh: string): Say => ({ window, per, limit: most, used, remaining }, { moment }, en) => {
  const whom = per === undefined ? '' : en ? ` per ${String(per)}` : `（${lookUp(perNames, String(per)) ?? String(per)}）`
  const resets = moment('resetsAtMs')
  return {
    name: `${en ? name : zh}${whom}`,
    found: en
      ? `${String(used ?? '?')} of ${String(most ?? '?')} used${window === undefined ? '' : ` per ${String(window)}`}, ${String(remaining ?? 0)} left`
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
  turn: ({ passed }, { text }, en) => ({
    name: en ? 'Turn at a resource' : '資源的順位',
    found: en ? `${text('resource')}: ${text('ahead')} ahead at priority ${text('priority')}, ${text('underWay')} under way, waited ${text('waitedMs')} ms` : `${text('resource')}：優先級 ${text('priority')} 前面有 ${text('ahead')} 個，進行中 ${text('underWay')} 個，已等候 ${text('waitedMs')} 毫秒`,
    passes: passed ? undefined : en ? `a turn is expected in ${text('estimatedWaitMs')} ms` : `預計 ${text('estimatedWaitMs')} 毫秒後輪到`,
  }),
  plan: (_check, _words, en) => ({ name: en ? 'Plan' : '方案', found: en ? 'the caller has none, and there is no limit for callers without one' : '呼叫者沒有方案，且未設定無方案者的限制' }),
  'shared state': (_check, _words, en) => ({ name: en ? 'Shared state' : '共用狀態', found: en ? 'what gateways count together cannot be reached' : '無法連線至閘道共用的計數', passes: en ? 'when it is reached again' : '恢復連線後即可' }),
  session: ({ limit: most }, { text }, en) => ({
    name: en ? 'Session' : '工作階段',
    found: most === undefined ? (en ? `${text('session')}: none that is live` : `${text('session')}：沒有有效的工作階段`) : en ? `${text('session')}: ${String(most)} are open already` : `${text('session')}：已有 ${String(most)} 個`,
  }),
  'idempotency key': (_check, { text }, en) => ({ name: en ? 'Idempotency key' : '防重複鍵', found: en ? `from ${text('keyFrom')}: does not let this request pass` : `來源 ${text('keyFrom')}：不允許此請求` }),
}

function inList(networks: string): string {
  return networks === '?' ? '' : ` (${networks})`
}

const perNames: Readonly<Record<string, string>> = { all: '全部', api: '每個 API', resource: '每個資源', application: '每個應用程式', subscription: '每個訂閱', ip: '每個 IP', key: '每個鍵' }
const unitNames: Readonly<Record<string, string>> = { second: '秒', minute: '分鐘', hour: '小時', day: '天', week: '週', month: '個月' }

/** `5 minutes` as `5 分鐘`. */
function toWindow(window: string): string {
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

/** Reasons of refusals in the other language. */
const reasons: Readonly<Record<string, string>> = {
  'not there': '請求中沒有',
  malformed: '格式不正確',
  unknown: '沒有這個憑證',
  wrong: '不正確',
  'unknown key': '沒有這個金鑰，或已撤銷',
  'wrong secret': '金鑰的密鑰部分不正確',
  'unknown name': '沒有這個使用者名稱',
  'wrong password': '密碼不正確',
  'unknown key id': '沒有這個金鑰識別碼',
  'unknown client id': '沒有這個用戶端識別碼',
  'it does not fit': '簽章不符',
  'its signature is wrong': '權杖的簽章不正確',
  'no key of the issuer fits it': '發行者沒有相符的金鑰',
  'it asks for an extension that is not supported': '權杖要求不支援的擴充',
  'its claim exp is missing': '權杖缺少 exp',
  'its claim iss is missing': '權杖缺少 iss',
  'its claim aud is missing': '權杖缺少 aud',
  'its claim exp is not as it must be': '權杖的 exp 不正確',
  'its claim iss is not as it must be': '權杖的 iss 不正確',
  'its claim aud is not as it must be': '權杖的 aud 不是此 API',
  'its claim nbf is not as it must be': '權杖尚未生效，或 nbf 不正確',
  'its claim iat is not as it must be': '權杖的 iat 不正確',
  'too many wrong keys came from this address at once': '同一位址短時間內送出過多錯誤的金鑰',
  'no subscription': '沒有訂閱',
  'not approved': '尚未核准或已停用',
  'its plan is not known': '找不到訂閱的方案',
  'control was silent for too long': '與控制平面失去聯繫過久',
  'the run was not started by a request': '並非由請求啟動',
  'no record knows the certificate': '沒有登記此憑證',
  'no record knows its client': '沒有登記此權杖的用戶端',
  'it has ended': '已到期',
  'the token has ended': '權杖已到期',
  'it was made too long ago, or by a clock that is wrong': '簽署時間過久，或時鐘不正確',
  'it is for somebody else': '權杖的對象不是此 API',
  'it is not valid yet': '尚未生效',
  'it is of another issuer': '由其他發行者簽發',
  'of an issuer that is not on the list': '發行者不在清單上',
  'it names neither client nor subject': '權杖未載明用戶端或主體',
  'its algorithm is not on the list': '簽章演算法不在清單上',
  'its issuer does not know it, or it has ended': '發行者不認得此權杖，或已到期',
  'its nonce was used before': '此 nonce 已使用過',
  'it was taken back before its time': '已提前撤銷',
  'it covers what is not there or not supported': '簽章涵蓋了不存在或不支援的內容',
  'it lacks created or nonce': '缺少 created 或 nonce',
  'none of its signatures is one that is known here': '沒有可辨識的簽章',
  'the body is not the one that was signed': '內文與簽署時不同',
  'too many sign-ins wait to be checked': '等待驗證的登入過多',
  'its issuer could not be asked': '無法詢問發行者',
  'the keys of the issuer are not to be had': '無法取得發行者的公開金鑰',
  'whether it was used before cannot be found out': '無法確認是否已使用過',
  'not three parts of base64url': '不是三段 base64url',
  'base64url with stray bits': 'base64url 格式不正確',
}
