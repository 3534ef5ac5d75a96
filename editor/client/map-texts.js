// What the form of the map node says, and how what is typed into it becomes a value.
(function () {
  const texts = {
    en: {
      rows: 'Table', add: 'Add a row', target: (n) => `Target field of ${n}`, targetHint: 'field', kind: (n) => `What ${n} is made from`, source: (n) => `Source of ${n}`, constant: (n) => `Constant of ${n}`,
      fromSource: 'source', fromConstant: 'constant', row: (place) => `row ${place}`, up: (n) => `Move ${n} up`, down: (n) => `Move ${n} down`, drop: (n) => `Remove ${n}`,
      addFunction: '+ function', addDefault: '+ default', addEach: '+ each item', dropEach: 'Items as they are', default: 'Default', eachTitle: 'Of each item make:', dropStep: (name) => `Remove ${name}`, dropDefault: 'Remove the default',
      pick: 'Pick a function', search: 'Search functions', none: 'No function of that name', example: 'Example', yields: 'gives', value: 'value',
      carried: 'What the wire carries', carriedHint: 'Click a field to add a row; with an empty source in hand it goes there.', exampleTitle: 'Example message', exampleHint: 'Paste a message, only its payload, or an OpenAPI document.', last: 'Use last message', waiting: 'Waiting for the next request of this flow…', nothing: 'No request has come. Deploy the flow, send one, and try again.', hidden: 'The gateway keeps recorded bodies to itself. Paste an example.', failed: 'The recorded messages could not be read.', taken: 'Taken from the request recorded at', mock: (name) => `Use mock of ${name}`, noJson: 'This is no JSON.',
      sample: 'Answer of the document', choose: 'Choose an answer…', keep: 'Keep the example in the flow, for checks at deploy. It must hold nothing personal.',
      result: 'Result', noExample: 'Give an example message to see the result.', empty: '(nothing)', lostAt: (name) => `nothing after “${name}”`, lostSource: 'nothing there', tooMuch: 'The example is more than one message may be.', items: (n) => (n === '1' ? '1 item' : `${n} items`),
      jsonata: 'Show as JSONata', jsonataHint: 'For a transform node; it means the same.', copy: 'Copy', copied: 'Copied', missing: (names) => `JSONata has no means for ${names}; this text does not run.`, loading: 'Loading…', broken: 'The table could not be loaded. Close this dialog and open it again.',
      kinds: { object: 'object', list: 'list', text: 'text', number: 'number', boolean: 'yes/no', null: 'nothing' }, argumentFrom: (name) => `${name}: constant or source`,
    },
    'zh-TW': {
      rows: '表格', add: '新增一列', target: (n) => `${n}的目標欄位`, targetHint: '欄位', kind: (n) => `${n}的內容由何而來`, source: (n) => `${n}的來源`, constant: (n) => `${n}的常數`,
      fromSource: '來源', fromConstant: '常數', row: (place) => `第 ${place} 列`, up: (n) => `將${n}上移`, down: (n) => `將${n}下移`, drop: (n) => `刪除${n}`,
      addFunction: '＋函式', addDefault: '＋預設值', addEach: '＋逐項處理', dropEach: '項目保持原樣', default: '預設值', eachTitle: '每一項產生：', dropStep: (name) => `刪除${name}`, dropDefault: '刪除預設值',
      pick: '選擇函式', search: '搜尋函式', none: '沒有這個函式', example: '範例', yields: '得到', value: '值',
      carried: '訊息內容', carriedHint: '點選欄位即新增一列；游標在空白的來源時則填入該處。', exampleTitle: '範例訊息', exampleHint: '貼上訊息、只貼 payload，或貼上 OpenAPI 文件。', last: '使用最近一則訊息', waiting: '等待此流程的下一個請求…', nothing: '沒有請求進來。請部署流程、送出一個請求後再試。', hidden: '閘道不外送錄到的內容，請貼上範例。', failed: '無法讀取錄到的訊息。', taken: '取自錄到的請求：', mock: (name) => `使用 ${name} 的模擬回應`, noJson: '這不是 JSON。',
      sample: '文件中的回應', choose: '請選擇回應…', keep: '將範例存於流程，供部署時檢查。不可含個人資料。',
      result: '結果', noExample: '請提供範例訊息以預覽結果。', empty: '（沒有值）', lostAt: (name) => `「${name}」之後沒有值`, lostSource: '該處沒有值', tooMuch: '範例超過一則訊息的上限。', items: (n) => `${n} 項`,
      jsonata: '顯示 JSONata', jsonataHint: '可貼到「轉換」節點，意義相同。', copy: '複製', copied: '已複製', missing: (names) => `JSONata 無法表示 ${names}，此段文字不能執行。`, loading: '載入中…', broken: '無法載入表格，請關閉後重新開啟。',
      kinds: { object: '物件', list: '清單', text: '文字', number: '數字', boolean: '是否', null: '沒有值' }, argumentFrom: (name) => `${name}：常數或來源`,
    },
  }

  /** What somebody typed: JSON where it is JSON, a text otherwise. */
  function parseTyped(text) {
    try { return JSON.parse(text) } catch { return text }
  }
  function printTyped(value) {
    if (value === undefined) return ''
    if (typeof value !== 'string') return JSON.stringify(value)
    return typeof parseTyped(value) === 'string' && !value.startsWith('"') ? value : JSON.stringify(value)
  }
  const isPlain = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

  /** A table of two columns as lines: `Wx = weather`. */
  function parseLines(text) {
    const whole = parseTyped(text)
    if (isPlain(whole)) return whole
    const entries = text.split('\n').filter((line) => line.includes('=')).map((line) => [line.slice(0, line.indexOf('=')).trim(), parseTyped(line.slice(line.indexOf('=') + 1).trim())])
    return Object.fromEntries(entries.filter(([name]) => name !== ''))
  }
  function printLines(value) {
    if (!isPlain(value)) return ''
    const flat = Object.entries(value).every(([name, one]) => !name.includes('=') && (typeof one !== 'object' || one === null))
    return flat ? Object.entries(value).map(([name, one]) => `${name} = ${printTyped(one)}`).join('\n') : JSON.stringify(value, null, 1)
  }
  function parseList(text) {
    const whole = parseTyped(text)
    if (Array.isArray(whole)) return whole
    return text.split(/[,、]/).map((one) => one.trim()).filter((one) => one !== '').map(parseTyped)
  }
  function printList(value) {
    if (!Array.isArray(value)) return ''
    return value.every((one) => typeof one !== 'object' && !/[,、]/.test(String(one))) ? value.map(printTyped).join(', ') : JSON.stringify(value)
  }

  window.Sluice.mapTexts = { texts, parseTyped, printTyped, parseLines, printLines, parseList, printList }
})()
