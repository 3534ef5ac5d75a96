import type { FaultCode } from './faults.ts'
import type { Text } from './node.ts'
import { lookUp } from './saying.ts'

/** What whoever calls, or the operator, can do about a refusal. Every code that `refuseCall` is given has one. */
export const refusalRemedies = {
  'request.invalid': { en: 'Mend the request where “errors” says; the reference of the API describes what it takes.', 'zh-TW': '請依 errors 所指之處修正請求；API 說明頁描述其接受的內容。' },
  'body.unsupported': { en: 'Send the body as one of the content types that the API takes.', 'zh-TW': '請以 API 接受的內容類型送出本文。' },
  'body.malformed': { en: 'Send a body that is what its content type says.', 'zh-TW': '請送出與內容類型相符的本文。' },
  'schema.work': { en: 'Send less at once.', 'zh-TW': '請分次送出較少的內容。' },
  'ip.denied': { en: 'Call from an address that is allowed, or have the network added.', 'zh-TW': '由允許的位址呼叫，或請管理員加入網段。' },
  'auth.missing': { en: 'Send a credential of the kinds that are listed here.', 'zh-TW': '請附上此處所列種類的憑證。' },
  'auth.required': { en: 'Put an auth node into the flow, or make the API public in its record.', 'zh-TW': '在流程中加入 auth 節點，或於資料中將 API 設為公開。' },
  'auth.invalid_key': { en: 'Send the whole key as it was shown when it was made. Rotate it when it is lost.', 'zh-TW': '請送出建立時顯示的完整金鑰；若已遺失請輪替。' },
  'auth.invalid_login': { en: 'Check name and password. Issue a new one when it is lost.', 'zh-TW': '請檢查名稱與密碼；若已遺失請重新核發。' },
  'auth.invalid_token': { en: 'Get a new access token, for this API, from an issuer that it takes.', 'zh-TW': '請向此 API 接受的發行者取得新的存取權杖。' },
  'auth.expired': { en: 'Use a credential that has not ended; rotate the key, or get a new token. Check the clock of the caller.', 'zh-TW': '請使用未到期的憑證：輪替金鑰或取得新權杖，並檢查呼叫端的時鐘。' },
  'auth.revoked': { en: 'Use the successor of the credential, or issue a new one.', 'zh-TW': '請使用後續的憑證，或重新核發。' },
  'auth.signature': { en: 'Sign the request as it is sent: method, path, query, headers and body.', 'zh-TW': '請依實際送出的內容簽署：方法、路徑、查詢、標頭與內文。' },
  'auth.replayed': { en: 'Sign each request anew, with a nonce of its own.', 'zh-TW': '每個請求請以新的 nonce 重新簽署。' },
  'auth.certificate': { en: 'Register the certificate as a credential of the application.', 'zh-TW': '請將此憑證登記為應用程式的憑證。' },
  'auth.unknown_client': { en: 'Register the client of the token as a credential (jwt) of an application.', 'zh-TW': '請將權杖的用戶端登記為應用程式的憑證（jwt）。' },
  'auth.scope': { en: 'Get a token with the scopes that are missing.', 'zh-TW': '請取得包含所缺範圍的權杖。' },
  'auth.clearance': { en: 'An operator has to give the application the clearance.', 'zh-TW': '需由管理員給予應用程式許可等級。' },
  'auth.not_subscribed': { en: 'Subscribe the application to this API with a plan.', 'zh-TW': '請以方案為應用程式訂閱此 API。' },
  'auth.subscription_inactive': { en: 'Have the subscription approved or resumed by the provider of the API.', 'zh-TW': '請 API 提供者核准或恢復此訂閱。' },
  'auth.too_many_attempts': { en: 'Wait, then try again with the right credential.', 'zh-TW': '請稍候，再以正確的憑證重試。' },
  'auth.unavailable': { en: 'Try again. An operator finds in the log what cannot be reached.', 'zh-TW': '請重試；管理員可由日誌得知無法連線的對象。' },
  'client.disabled': { en: 'Have the application resumed.', 'zh-TW': '請恢復此應用程式。' },
  'client.rules': { en: 'An operator has to correct the rules of the application.', 'zh-TW': '需由管理員修正應用程式的規則。' },
  'plan.not_yet_valid': { en: 'Wait until it is valid, or have the date changed.', 'zh-TW': '請等待生效，或請管理員修改日期。' },
  'plan.expired': { en: 'Have the time of validity extended.', 'zh-TW': '請管理員延長有效期限。' },
  'plan.hours': { en: 'Call within the service hours, or have them changed.', 'zh-TW': '請於服務時間內呼叫，或請管理員修改服務時間。' },
  'api.not_published': { en: 'Publish the API.', 'zh-TW': '請發布此 API。' },
  'api.blocked': { en: 'Try again later; an operator has blocked the API for a while.', 'zh-TW': '請稍後再試；管理員已暫時封鎖此 API。' },
  'api.retired': { en: 'Move to the version of the API that follows.', 'zh-TW': '請改用後續版本的 API。' },
  'api.sunset': { en: 'Move to the version of the API that follows.', 'zh-TW': '請改用後續版本的 API。' },
  'quota.exceeded': { en: 'Wait until it counts anew, or choose a plan with more.', 'zh-TW': '請等待重新計數，或改用額度較高的方案。' },
  'spike.exceeded': { en: 'Spread the calls over time; keep to Retry-After.', 'zh-TW': '請分散呼叫時間，並遵守 Retry-After。' },
  'concurrency.exceeded': { en: 'Wait for calls that are under way to end.', 'zh-TW': '請等待進行中的呼叫結束。' },
  'limit.no_plan': { en: 'Subscribe with a plan, or give the quota windows for callers without one.', 'zh-TW': '請以方案訂閱，或在 quota 節點設定無方案者的時段。' },
  'queue.full': { en: 'Try again later; keep to Retry-After. More important callers wait in front.', 'zh-TW': '請稍後再試並遵守 Retry-After；較重要的呼叫者排在前面。' },
  'queue.evicted': { en: 'Try again later; keep to Retry-After.', 'zh-TW': '請稍後再試，並遵守 Retry-After。' },
  'queue.hopeless': { en: 'Try again later; keep to Retry-After.', 'zh-TW': '請稍後再試，並遵守 Retry-After。' },
  'queue.expired': { en: 'Try again later; an operator can give the resource more slots, or callers more time to wait.', 'zh-TW': '請稍後再試；管理員可增加資源的名額或等候時間。' },
  'queue.closed': { en: 'Try again: the line was replaced by a deploy, or an operator emptied it.', 'zh-TW': '請重試：佇列已因部署而更換，或已由管理員清空。' },
  'queue.self': { en: 'The flow calls itself while it holds a slot: let it give the slot back before it calls, call the other flow by a link call, or give the resource more slots.', 'zh-TW': '流程在佔用名額時呼叫了自己：請先釋放名額再呼叫、改用 link call，或增加資源的名額。' },
  'queue.unavailable': { en: 'Try again. An operator brings the shared store back.', 'zh-TW': '請重試；管理員需恢復共用儲存。' },
  'state.unavailable': { en: 'Try again. An operator brings the shared store back.', 'zh-TW': '請重試；管理員需恢復共用儲存。' },
  'session.none': { en: 'Begin a session first.', 'zh-TW': '請先建立工作階段。' },
  'session.expired': { en: 'Begin a new session.', 'zh-TW': '請建立新的工作階段。' },
  'session.limit': { en: 'End a session first.', 'zh-TW': '請先結束一個工作階段。' },
  'detoken.denied': { en: 'A data officer has to give the application a grant for this domain and purpose, or an operator the clearance that the domain asks for.', 'zh-TW': '需由資料保護人員授予應用程式此網域與目的的授權，或由管理員給予網域要求的許可等級。' },
  'idem.missing': { en: 'Send a key that is new for each transaction.', 'zh-TW': '每筆交易請附上新的鍵。' },
  'idem.invalid': { en: 'Send a shorter key of printable characters.', 'zh-TW': '請使用較短且可列印字元的鍵。' },
  'idem.conflict': { en: 'Ask again in a moment for the answer of the first request.', 'zh-TW': '請稍後再次詢問第一筆請求的回應。' },
  'idem.mismatch': { en: 'Use a new key for a new request.', 'zh-TW': '新的請求請使用新的鍵。' },
  'idem.not_kept': { en: 'The request was done; look at its result where it was done.', 'zh-TW': '請求已執行；請至執行處查看結果。' },
} as const satisfies Readonly<Partial<Record<FaultCode, Text>>>

/** What can be done about a refusal; `undefined` for a code of another release. */
export function remedyOf(code: string): Text | undefined {
  return lookUp<Text>(refusalRemedies, code)
}
