import { fill } from '../runtime/core/saying.ts'

/** Languages of the pages. */
export type Language = 'en' | 'zh-TW'

const en = {
  signIn: 'Sign in',
  signInTo: 'Sign in to go on to {client}.',
  name: 'User name',
  password: 'Password',
  wrong: 'User name or password is wrong.',
  slow: 'Too many attempts. Try again in a moment.',
  or: 'or',
  upstream: 'Sign in with {name}',
  upstreamAway: '{name} does not answer. Try again in a moment.',
  upstreamDenied: 'You did not sign in at {name}.',
  upstreamInvalid: 'What {name} sent back cannot be trusted. Begin again.',
  upstreamUnknown: '{name} knows you, but you have no account here, or no role. Ask an administrator.',
  upstreamDisabled: 'Your account here is disabled.',
  cancel: 'Cancel',
  allow: 'Allow',
  consent: 'Allow {client}?',
  consentText: '{client} asks to act for you, {user}.',
  mayDo: 'It asks for:',
  goesTo: 'You will be sent to {host}.',
  scopeOpenid: 'know who you are',
  scopeProfile: 'know your name and role',
  scopeOffline: 'go on while you are away',
  scopeOf: '{scope} — {audience}',
  adminApi: 'administration of Sluice, as far as your roles allow',
  code: 'Code',
  device: 'Connect a device',
  enterCode: 'Enter the code that the device shows.',
  wrongCode: 'This code is not known, or has ended. Look at it again.',
  go: 'Continue',
  confirmDevice: 'Does the device show this code?',
  confirmText: 'Go on only if you are connecting {client} yourself, now.',
  deviceDone: 'The device is connected. You can close this page.',
  aborted: 'Nothing was allowed. You can close this page.',
  failed: 'This did not work',
  expired: 'This page has ended, or was opened in another browser. Begin again where you came from.',
  signOut: 'Sign out',
  signOutText: 'Sign out of the authorization server?',
  stay: 'Stay signed in',
  signedOut: 'You are signed out.',
} as const

const zhTW: Readonly<Record<keyof typeof en, string>> = {
  signIn: '登入',
  signInTo: '登入以繼續前往 {client}。',
  name: '使用者名稱',
  password: '密碼',
  wrong: '使用者名稱或密碼不正確。',
  slow: '嘗試次數過多，請稍後再試。',
  or: '或',
  upstream: '以 {name} 登入',
  upstreamAway: '{name} 沒有回應，請稍後再試。',
  upstreamDenied: '您沒有在 {name} 完成登入。',
  upstreamInvalid: '{name} 傳回的內容無法信任，請重新開始。',
  upstreamUnknown: '{name} 認得您，但您在此沒有帳號或沒有角色，請洽管理員。',
  upstreamDisabled: '您在此的帳號已停用。',
  cancel: '取消',
  allow: '允許',
  consent: '允許 {client} 嗎？',
  consentText: '{client} 要求代表您（{user}）操作。',
  mayDo: '要求的權限：',
  goesTo: '接著會前往 {host}。',
  scopeOpenid: '知道您是誰',
  scopeProfile: '知道您的名稱與角色',
  scopeOffline: '在您離開後繼續使用',
  scopeOf: '{scope} — {audience}',
  adminApi: '管理 Sluice（以您的角色為限）',
  code: '代碼',
  device: '連接裝置',
  enterCode: '請輸入裝置上顯示的代碼。',
  wrongCode: '找不到這個代碼，或已經過期，請再確認一次。',
  go: '繼續',
  confirmDevice: '裝置上顯示的是這個代碼嗎？',
  confirmText: '只有在您現在正親自連接 {client} 時才繼續。',
  deviceDone: '裝置已連接，您可以關閉此頁。',
  aborted: '沒有允許任何操作，您可以關閉此頁。',
  failed: '無法完成',
  expired: '此頁已失效，或是在另一個瀏覽器開啟。請回到原來的地方重新開始。',
  signOut: '登出',
  signOutText: '要從授權伺服器登出嗎？',
  stay: '保持登入',
  signedOut: '您已登出。',
}

export type TextKey = keyof typeof en
export type Say = (key: TextKey, blanks?: Readonly<Record<string, string>>) => string

/** Texts in one language, with `{names}` filled in. */
export function createSay(language: Language): Say {
  const texts = language === 'zh-TW' ? zhTW : en
  return (key, blanks = {}) => fill(texts[key], blanks)
}

/** Of what the client asked for (`ui_locales`), then of what the browser wants, the first we speak. */
export function chooseLanguage(locales: string | undefined, accepted: string | undefined): Language {
  const wanted = [...(locales ?? '').split(' '), ...(accepted ?? '').split(',').map((one) => one.split(';')[0] ?? '')]
  for (const one of wanted) {
    const tag = one.trim().toLowerCase()
    if (tag === 'zh' || tag.startsWith('zh-')) return 'zh-TW'
    if (tag === 'en' || tag.startsWith('en-')) return 'en'
  }
  return 'en'
}
