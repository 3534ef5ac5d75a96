import type { Text } from '../runtime/core/node.ts'
import { fill, lookUp, type Facts, type Saying as AnySaying, type Sayings } from '../runtime/core/saying.ts'

/**
 * What verifying finds, what a proof shows, and why a witness takes nothing, in words: the one place where these sentences are, in the languages of the
 * pages. `{blanks}` are filled in from the facts. Programs go by the code, which stays what it is.
 */
export const sayings = {
  'record.altered': { en: 'Record {number}, or its hash, was changed after it was written.', 'zh-TW': '第 {number} 筆紀錄或其雜湊值在寫入後遭到更改。' },
  'record.missing': { en: 'Record {number} is missing.', 'zh-TW': '缺少第 {number} 筆紀錄。' },
  'record.moved': { en: 'Record {number} does not stand in its place: record {instead} stands there.', 'zh-TW': '第 {number} 筆紀錄不在原位：該處是第 {instead} 筆。' },
  'record.replayed': { en: 'Record {number} is there a second time, after record {after}.', 'zh-TW': '第 {number} 筆紀錄在第 {after} 筆之後重複出現。' },
  'record.inserted': { en: 'After record {after} stands another record with the number {number}, which was not written there.', 'zh-TW': '第 {after} 筆紀錄之後另有一筆編號 {number} 的紀錄，並非當初寫於該處。' },
  'record.beyond': { en: 'Behind the end of the ledger, which is record {last}, stands a record {number} that control did not write.', 'zh-TW': '帳本止於第 {last} 筆，其後的第 {number} 筆並非控制端所寫。' },
  'record.cut': { en: 'The end was cut off: record {number} and those after it are missing; there were {count}.', 'zh-TW': '末端遭截斷：第 {number} 筆起的紀錄不見了；原有 {count} 筆。' },
  'record.cut_in_period': {
    en: 'The end was cut off: record {number} and those after it are missing; there were {count}. Without them, records {first} to {end} of period {period} cannot be compared with what was signed.',
    'zh-TW': '末端遭截斷：第 {number} 筆起的紀錄不見了；原有 {count} 筆。缺少它們，期間 {period} 的第 {first} 至 {end} 筆無法與已簽章者比對。',
  },
  'record.not_last': { en: 'Record {number} is not the one that was written last.', 'zh-TW': '第 {number} 筆並非最後寫入的那一筆。' },
  'record.unwritable': { en: 'Record {number} holds what JSON has no words for.', 'zh-TW': '第 {number} 筆紀錄含有 JSON 無法表示的內容。' },
  'line.altered': { en: 'Line {line} is not a record: it was changed.', 'zh-TW': '檔案第 {line} 行不是紀錄：遭到更改。' },
  'end.key': { en: 'What is kept of the end of the ledger was sealed under a credential key that is not here. Restore that key.', 'zh-TW': '帳本末端的封印所用的憑證金鑰不在此處。請還原該金鑰。' },
  'end.forged': { en: 'What is kept of the end of the ledger was not written by control.', 'zh-TW': '帳本末端的資料並非控制端所寫。' },
  'period.altered': { en: 'Records {first} to {last} are not those that were signed as period {period}: at least one was changed, and the chain of hashes made anew behind it.', 'zh-TW': '第 {first} 至 {last} 筆並非簽章為期間 {period} 的紀錄：至少一筆遭到更改，其後的雜湊鏈也被重算。' },
  'root.key': { en: 'The root of period {period} names the key {key}, which is not one of those that are trusted here.', 'zh-TW': '期間 {period} 的根指明金鑰 {key}，不在此處信任的金鑰之中。' },
  'root.unsigned': { en: 'The root of period {period} is not what was signed.', 'zh-TW': '期間 {period} 的根與當初簽章的不同。' },
  'root.missing': { en: 'The root of period {period} is missing.', 'zh-TW': '缺少期間 {period} 的根。' },
  'root.replayed': { en: 'Where the root of period {expected} should stand, that of period {period} is there a second time.', 'zh-TW': '應為期間 {expected} 之根的位置，重複出現期間 {period} 的根。' },
  'root.other_ledger': { en: 'The root of period {period} is of another ledger.', 'zh-TW': '期間 {period} 的根屬於另一本帳本。' },
  'root.gap': { en: 'Period {period} does not begin behind the period before it.', 'zh-TW': '期間 {period} 並未緊接前一期間。' },
  'root.past': { en: 'The root of period {period} was signed on top of another past than the one that is here.', 'zh-TW': '期間 {period} 的根簽章時所依據的過去，與此處的不同。' },
  'root.history': { en: 'Roots before it are missing: there are {have} of {periods}.', 'zh-TW': '先前的根有缺：{periods} 個中僅存 {have} 個。' },
  'root.anew': { en: 'Period {period} was signed anew: {witness} has held another root of it since {since}.', 'zh-TW': '期間 {period} 被重新簽章：{witness} 自 {since} 起持有的是另一個根。' },
  'root.cut': { en: 'The end was cut off: {witness} has held the root of period {period} since {since}, and here the last period is {last}.', 'zh-TW': '末端遭截斷：{witness} 自 {since} 起持有期間 {period} 的根，而此處最後的期間是 {last}。' },
  'stamp.time': { en: 'The time stamp of {witness} for period {period} is of {time}, and the receipt says another time.', 'zh-TW': '{witness} 對期間 {period} 的時戳時間為 {time}，與收據所載不同。' },
  'stamp.unreadable': { en: 'The time stamp of {witness} for period {period} proves nothing: what is kept is no time stamp.', 'zh-TW': '{witness} 對期間 {period} 的時戳無法證明任何事：所存者並非時戳。' },
  'stamp.refused': { en: 'The time stamp of {witness} for period {period} proves nothing: the authority did not grant it.', 'zh-TW': '{witness} 對期間 {period} 的時戳無法證明任何事：時戳機構並未核發。' },
  'stamp.hash': { en: 'The time stamp of {witness} for period {period} proves nothing: it is of another hash.', 'zh-TW': '{witness} 對期間 {period} 的時戳無法證明任何事：它屬於另一個雜湊值。' },
  'stamp.nonce': { en: 'The time stamp of {witness} for period {period} proves nothing: it answers another question.', 'zh-TW': '{witness} 對期間 {period} 的時戳無法證明任何事：它回應的是另一次查詢。' },
  'audit.anchor_forged': { en: 'The file audit-anchor in the data folder was not written by this control.', 'zh-TW': '資料夾中的 audit-anchor 檔並非此控制端所寫。' },
  'audit.unkeyed': { en: 'Record {number} does not carry the key that those before it carry.', 'zh-TW': '第 {number} 筆紀錄未以先前紀錄所用的金鑰封印。' },
  'audit.key': { en: 'Record {number} was sealed under a credential key that is not here. Restore that key.', 'zh-TW': '封印第 {number} 筆紀錄的憑證金鑰不在此處。請還原該金鑰。' },
  'audit.rewritten': { en: 'Another record was the last one here when the log was anchored: it was cut off and written anew.', 'zh-TW': '錨定當時，此處最後一筆是另一筆紀錄：紀錄曾遭截斷並重寫。' },
  'audit.headless': { en: 'The head of the log is missing.', 'zh-TW': '缺少紀錄的末端資訊。' },
  'audit.cut': { en: 'The end of the log was cut off: it had {count} records.', 'zh-TW': '紀錄末端遭截斷：原有 {count} 筆。' },
  'time.back': { en: 'Record {number} is of an earlier time than the record before it ({at}, {before}): the clock of control was set back, or those of several controls differ.', 'zh-TW': '第 {number} 筆紀錄的時間早於前一筆（{at}、{before}）：控制端的時鐘曾被調回，或多個控制端的時鐘不一致。' },
  'witness.lost': { en: '{witness} does not hold {count} roots that it was given, the first of them that of period {period}: its file was cut, changed or put aside.', 'zh-TW': '{witness} 缺少曾交付的 {count} 個根，最早為期間 {period}：檔案遭截斷、更改或移開。' },
  'witness.status': { en: 'It answered {status}, expected {expected}.', 'zh-TW': '回應為 {status}，預期為 {expected}。' },
  'witness.file': { en: 'The file cannot be written to ({reason}).', 'zh-TW': '無法寫入檔案（{reason}）。' },
  'witness.unreachable': { en: 'It could not be asked: {reason}.', 'zh-TW': '無法送達：{reason}。' },
  'witness.stamp_unreadable': { en: 'What the time stamp authority answered is no time stamp.', 'zh-TW': '時戳機構的回應不是時戳。' },
  'witness.stamp_refused': { en: 'The time stamp authority did not grant it.', 'zh-TW': '時戳機構未予核發。' },
  'witness.stamp_hash': { en: 'The time stamp is of another hash.', 'zh-TW': '時戳屬於另一個雜湊值。' },
  'witness.stamp_nonce': { en: 'The time stamp answers another question: its nonce is not ours.', 'zh-TW': '時戳回應的是另一次查詢：隨機值與送出的不符。' },
  'proof.entry': {
    en: 'Entry {number} of ledger {ledger} is as it was written: period {period} (entries {first} to {last}) was signed over it at {at}.',
    'zh-TW': '帳本 {ledger} 的第 {number} 筆與寫入時相同：期間 {period}（第 {first} 至 {last} 筆）於 {at} 對其簽章。',
  },
  'proof.later': { en: 'Period {period} is part of what was signed as period {later} at {at}.', 'zh-TW': '期間 {period} 包含於 {at} 簽章的期間 {later} 之中。' },
  'proof.grown': {
    en: 'Ledger {ledger} has only grown between period {from} ({before} entries, {since}) and period {to} ({after} entries, {until}).',
    'zh-TW': '帳本 {ledger} 自期間 {from}（{before} 筆，{since}）至期間 {to}（{after} 筆，{until}）只有增加。',
  },
  'proof.stamp': { en: 'The time stamp of {witness} says that period {period} was there at {at}; its own signature is for `openssl ts -verify`.', 'zh-TW': '{witness} 的時戳表示期間 {period} 於 {at} 已存在；時戳本身的簽章請以 `openssl ts -verify` 查驗。' },
  'proof.stamp_signed': { en: 'The time stamp of {witness} for period {period} is signed by a certificate that was given.', 'zh-TW': '{witness} 對期間 {period} 的時戳由所給的憑證簽章。' },
  'proof.witness': { en: 'Look at {witness}: since {at} it should hold {hash} for period {period}.', 'zh-TW': '請查看 {witness}：自 {at} 起應持有期間 {period} 的 {hash}。' },
  'proof.no_proof': { en: 'This is no proof of a ledger of version 1.', 'zh-TW': '這不是版本 1 的帳本證明。' },
  'proof.kind': { en: 'It is a proof of a kind that is not known here.', 'zh-TW': '此處不認得這種證明。' },
  'proof.torn': { en: 'The proof is not whole: something that belongs to it is missing, or is of another type.', 'zh-TW': '證明不完整：缺少應有的部分，或型別不符。' },
  'proof.other_ledger': { en: 'The entry is of another ledger than the root.', 'zh-TW': '該筆紀錄與根屬於不同的帳本。' },
  'proof.other_period': { en: 'Entry {number} is not in period {period}, which has {first} to {last}.', 'zh-TW': '第 {number} 筆不在期間 {period} 內，該期間為第 {first} 至 {last} 筆。' },
  'proof.entry_changed': { en: 'Entry {number} was changed: its hash is another one.', 'zh-TW': '第 {number} 筆遭到更改：雜湊值不符。' },
  'proof.not_signed': { en: 'Entry {number} is not what was signed in period {period}: it, or the proof, was changed.', 'zh-TW': '第 {number} 筆並非期間 {period} 所簽章者：該筆或證明遭到更改。' },
  'proof.roots_differ': { en: 'The two roots are of different ledgers.', 'zh-TW': '兩個根屬於不同的帳本。' },
  'proof.order': { en: 'The first root is younger than the second.', 'zh-TW': '第一個根比第二個根新。' },
  'proof.twice': { en: 'Period {period} was signed twice, with different entries.', 'zh-TW': '期間 {period} 簽章過兩次，且內容不同。' },
  'proof.past': { en: 'What lies before period {period} is not the same in both roots.', 'zh-TW': '兩個根在期間 {period} 之前的內容不同。' },
  'proof.later_ledger': { en: 'The later root is of another ledger.', 'zh-TW': '較新的根屬於另一本帳本。' },
  'proof.not_part': { en: 'Period {period} is not part of what was signed as period {later}.', 'zh-TW': '期間 {period} 不包含於簽章為期間 {later} 的內容之中。' },
  'proof.receipt': { en: 'The receipt of {witness} is of another root.', 'zh-TW': '{witness} 的收據屬於另一個根。' },
  'proof.stamp_unsigned': { en: 'The time stamp of {witness} for period {period} is signed by none of these certificates.', 'zh-TW': '{witness} 對期間 {period} 的時戳並非由所給的任何憑證簽章。' },
  remedy: {
    en: 'Change nothing. Compare with a backup, or with an export from before, to see what was written there; the audit log and the database log say who was in the database.',
    'zh-TW': '請勿更動任何內容。請與備份或先前的匯出檔比對，以查明原本寫了什麼；稽核紀錄與資料庫日誌會顯示誰進過資料庫。',
  },
  'remedy.signature': {
    en: 'If control was set up anew, give the public key that it had before; else somebody has written this root who does not hold the key. Compare with a backup and with the anchors outside.',
    'zh-TW': '若控制端曾重新安裝，請提供先前的公鑰；否則此根是沒有金鑰的人所寫。請與備份及外部見證比對。',
  },
  'remedy.anchor': { en: 'Keep what the anchor holds: it is what was signed first. Compare this ledger with a backup from that time.', 'zh-TW': '請保留見證所持者：那是最初簽章的內容。請將此帳本與當時的備份比對。' },
} as const satisfies Sayings

export type SayingCode = keyof typeof sayings

/** Something that was found. */
export type Saying = AnySaying<SayingCode>

/** With its sentence in English, for who has no table of sentences. */
export type Said = Saying & { readonly text: string }

/** The sentence, with its blanks filled in; of a code that is not known here, from another version, the code. */
export function say({ code, facts }: AnySaying, language: keyof Text = 'en'): string {
  const sentence = lookUp<Text>(sayings, code)
  return sentence ? fill(sentence[language], facts) : code
}

export function toSaid({ code, facts }: Saying): Said {
  return { code, facts, text: say({ code, facts }) }
}

/** What is wrong, with the sentence in English beside the code. */
export function toReason(code: SayingCode, facts: Facts): Saying & { readonly reason: string } {
  return { code, facts, reason: say({ code, facts }) }
}

/** What to do about a flaw of a kind. */
export function sayRemedy(kind: string, language: keyof Text = 'en'): string {
  return (lookUp<Text>(sayings, `remedy.${kind}`) ?? sayings.remedy)[language]
}
