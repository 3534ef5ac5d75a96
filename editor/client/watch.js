// The sidebar of watching: have requests recorded, see the way that each took, step through it.
(function () {
  const sluice = window.sluice
  const t = sluice.words({
    en: {
      label: 'watch', name: 'Watch', flow: 'Flow', none: 'Open a flow to watch it.',
      next: 'Requests to record', own: 'Only requests with my header', watch: 'Watch', stop: 'Stop', waiting: 'Waiting for {n} requests to this flow…', until: 'until {time}',
      header: 'Send this header with the request:', copy: 'Copy', copied: 'Copied.',
      runs: 'Recorded runs', noRuns: 'Nothing is recorded yet. Press Watch, then send a request with any client.', sampled: 'times only',
      first: 'First step', back: 'Step back', forward: 'Step forward', last: 'Last step', close: 'Close', step: 'Step {n} of {all}: {node}', took: '{ms}',
      keys: 'Arrow keys step, Escape closes.', came: 'Came in', left: 'Left by port {port}', callouts: 'Callouts', answer: 'Answer', request: 'Request', fault: 'Fault',
      wire: 'On the wire from {from} to {to}', messages: '{n} messages from {from} to {to}', nobody: 'Messages are not kept for this run.', local: 'Values stay on the gateway: names and kinds are shown.',
      save: 'Save as case', caseName: 'Name of the case', saved: 'Saved as a case.', replay: 'Replay against the draft', replaying: 'Replaying…', same: 'The draft gives the same answer.', differs: 'The draft answers differently:',
      broken: 'The draft cannot be run:', bytes: '{n} bytes', attempts: '{n} attempts', leftOut: '{n} steps more were not kept.', stepsOf: 'Steps', recorded: 'A run was recorded: {what}.',
      streamOf: '{n} bytes', firstByte: 'the first after {ms}', streamWhole: 'whole after {ms}', streamCut: 'broken off after {ms} ({fault})', streamGone: 'its reader was gone after {ms}', streamOpen: 'still coming', beginning: 'the beginning of {n} bytes', kindOf: '{kind}, {n} bytes', noKind: 'bytes', sent: 'Sent with it, as a stream', hex: 'Bytes in hexadecimal: {what}', more: 'and {n} bytes more',
    },
    'zh-TW': {
      label: '觀察', name: '觀察', flow: '流程', none: '請先開啟要觀察的流程。',
      next: '要記錄的請求數', own: '只記錄帶有我的標頭的請求', watch: '開始觀察', stop: '停止', waiting: '正在等待此流程的 {n} 個請求…', until: '至 {time}',
      header: '請在請求中加上此標頭：', copy: '複製', copied: '已複製。',
      runs: '已記錄的執行', noRuns: '尚無紀錄。請按「開始觀察」，再用任何用戶端送出請求。', sampled: '僅時間',
      first: '第一步', back: '上一步', forward: '下一步', last: '最後一步', close: '關閉', step: '第 {n} 步，共 {all} 步：{node}', took: '{ms}',
      keys: '方向鍵逐步移動，Esc 關閉。', came: '進入', left: '由第 {port} 個輸出送出', callouts: '外部呼叫', answer: '回應', request: '請求', fault: '錯誤',
      wire: '從「{from}」到「{to}」的連線', messages: '從「{from}」到「{to}」共 {n} 則訊息', nobody: '此次執行未保留訊息。', local: '值留在閘道上，這裡只顯示名稱與型別。',
      save: '存成案例', caseName: '案例名稱', saved: '已存成案例。', replay: '以草稿重播', replaying: '重播中…', same: '草稿的回應相同。', differs: '草稿的回應不同：',
      broken: '草稿無法執行：', bytes: '{n} 位元組', attempts: '{n} 次嘗試', leftOut: '另有 {n} 步未保留。', stepsOf: '步驟', recorded: '已記錄一次執行：{what}。',
      streamOf: '{n} 位元組', firstByte: '首位元組 {ms}', streamWhole: '{ms} 後完整結束', streamCut: '{ms} 後中斷（{fault}）', streamGone: '{ms} 後讀取端離開', streamOpen: '仍在傳送', beginning: '{n} 位元組的開頭', kindOf: '{kind}，{n} 位元組', noKind: '二進位', sent: '以串流送出的本文', hex: '十六進位內容：{what}', more: '另有 {n} 位元組',
    },
  })

  let box, list, detail, status, controls
  /** {id, flow, next, until, token, left} while one is under way. */
  let watch
  let timer
  let following
  let runs = []
  /** {record, at, wire} of the run that is open; `wire`: its messages on one wire are shown, not a step. */
  let open

  const flowNow = () => {
    const id = RED.workspaces.active()
    const tab = id && RED.nodes.workspace(id)
    return tab ? { id, label: tab.label } : undefined
  }

  const button = (text, press, more = '') => $(`<button type="button" class="red-ui-button red-ui-button-small ${more}"></button>`).text(text).on('click', press)
  const iconButton = (icon, label, press) => $('<button type="button" class="red-ui-button red-ui-button-small"></button>').attr({ 'aria-label': label, title: label }).append($('<i aria-hidden="true"></i>').addClass(`fa ${icon}`)).on('click', press)
  const say = (text) => status.text(text)
  const complain = (error) => RED.notify($('<span></span>').text(error.message), { type: 'warning', timeout: 6000 })

  function build() {
    box = $('<div class="sluice-side"></div>')
    controls = $('<div class="sluice-side-part"></div>').appendTo(box)
    list = $('<div class="sluice-side-part"></div>').appendTo(box)
    detail = $('<div class="sluice-side-part sluice-run" tabindex="-1"></div>').appendTo(box).hide()
    status = $('<div class="sluice-live" role="status" aria-live="polite"></div>').appendTo(box)
    detail.on('keydown', onKey)
    RED.sidebar.addTab({ id: 'sluice-watch', label: t('label'), name: t('name'), content: box, iconClass: 'fa fa-eye', enableOnEdit: true, action: 'sluice:show-watch' })
    sluice.whenShown(box, () => void refresh())
    RED.actions.add('sluice:show-watch', () => RED.sidebar.show('sluice-watch'))
    RED.events.on('workspace:change', () => {
      drawControls()
      void refresh()
    })
    drawControls()
  }

  function drawControls() {
    const flow = flowNow()
    controls.empty()
    $('<h4></h4>').text(flow ? flow.label : t('none')).appendTo(controls)
    if (!flow) return
    if (watch && watch.flow === flow.id) {
      $('<p></p>').text(`${t('waiting', { n: watch.left === undefined ? watch.next : watch.left })} (${t('until', { time: new Date(watch.until).toLocaleTimeString() })})`).appendTo(controls)
      if (watch.token) {
        const header = `X-Sluice-Watch: ${watch.token}`
        $('<p></p>').text(t('header')).appendTo(controls)
        $('<code class="sluice-token"></code>').text(header).appendTo(controls)
        button(t('copy'), () => navigator.clipboard?.writeText(header).then(() => say(t('copied')), () => {})).appendTo(controls)
      }
      button(t('stop'), stop).appendTo(controls)
      return
    }
    const count = $('<input type="number" min="1" max="100" value="5" id="sluice-watch-next" />')
    const own = $('<input type="checkbox" id="sluice-watch-own" />')
    $('<p></p>').append($('<label for="sluice-watch-next"></label>').text(`${t('next')} `), count).appendTo(controls)
    $('<p></p>').append($('<label class="sluice-check"></label>').append(own, document.createTextNode(` ${t('own')}`))).appendTo(controls)
    button(t('watch'), () => start(flow.id, Number(count.val()) || 5, own.prop('checked')), 'primary sluice-watch-start').appendTo(controls)
  }

  async function start(flow, next, token) {
    try {
      watch = await sluice.ask('POST', 'watch', { flow, next, forMs: 10 * 60_000, token })
    } catch (error) {
      return complain(error)
    }
    drawControls()
    controls.find('button').last().trigger('focus')
    say(t('waiting', { n: next }))
    poll()
  }

  async function stop() {
    const ended = watch
    watch = undefined
    clearTimeout(timer)
    drawControls()
    await sluice.ask('DELETE', `watch/${ended.id}?flow=${encodeURIComponent(ended.flow)}`).catch(() => {})
    await refresh()
  }

  function poll() {
    clearTimeout(timer)
    timer = setTimeout(async () => {
      if (!watch) return
      const { id, flow, until } = watch
      try {
        const { left } = await sluice.ask('GET', `runs?flow=${encodeURIComponent(flow)}&watch=${id}&limit=1`)
        if (!watch || watch.id !== id) return
        const before = watch.left
        watch.left = left
        if (left === undefined || Date.parse(until) < Date.now()) watch = undefined
        if (left !== before || !watch) {
          drawControls()
          await refresh(true)
        }
      } catch {
        // control is away for a moment; the next round tells more
      }
      if (watch) poll()
    }, 600)
  }

  async function refresh(announce = false) {
    const flow = flowNow()
    if (!flow || !box.is(':visible')) return
    const known = new Set(runs.map(({ id }) => id))
    try {
      runs = (await sluice.ask('GET', `runs?flow=${encodeURIComponent(flow.id)}&limit=50`)).runs
    } catch (error) {
      runs = []
      list.empty().append($('<p></p>').text(error.message))
      return
    }
    drawList()
    const fresh = runs.find(({ id, watch: of }) => of !== undefined && !known.has(id))
    if (announce && fresh) {
      say(t('recorded', { what: titleOf(fresh) }))
      if (!open) await show(fresh.id)
    }
  }

  const titleOf = (head) => `${head.method ? `${head.method} ${head.route || ''}` : head.on}${head.status === undefined ? '' : ` → ${head.status}`}`

  function drawList() {
    list.empty()
    $('<h4></h4>').text(t('runs')).appendTo(list)
    if (runs.length === 0) return void $('<p class="sluice-hint"></p>').text(t('noRuns')).appendTo(list)
    const ul = $('<ul class="sluice-runs"></ul>').appendTo(list)
    for (const head of runs) {
      const failed = head.fault !== undefined
      const row = $('<button type="button"></button>').toggleClass('sluice-failed', failed).attr('aria-pressed', String(Boolean(open && open.record.id === head.id))).on('click', () => show(head.id))
      $('<span class="sluice-run-title"></span>').text(titleOf(head)).appendTo(row)
      $('<span class="sluice-run-more"></span>').text(`${new Date(head.at).toLocaleTimeString()} · ${sluice.ms(head.tookMs)}${head.payloads === 'none' ? ` · ${t('sampled')}` : ''}`).appendTo(row)
      $('<li></li>').append(row).appendTo(ul)
    }
  }

  async function show(id) {
    try {
      const record = await sluice.ask('GET', `runs/${id}`)
      open = { record, at: 0 }
    } catch (error) {
      return complain(error)
    }
    drawList()
    drawDetail()
    go(0)
    followStreams()
    detail.trigger('focus')
    detail[0].scrollIntoView({ block: 'start' })
  }

  function close() {
    clearTimeout(following)
    open = undefined
    sluice.unpaint('watch')
    detail.hide().empty()
    drawList()
    list.find('button').first().trigger('focus')
  }

  function drawDetail() {
    const { record } = open
    detail.empty().show()
    const head = $('<div class="sluice-run-head"></div>').appendTo(detail)
    $('<h4></h4>').text(titleOf(record)).appendTo(head)
    $('<p class="sluice-hint"></p>').text(`${sluice.ms(record.tookMs)} · ${record.run}`).appendTo(head)
    if (record.payloads !== 'shown') $('<p class="sluice-hint"></p>').text(record.payloads === 'local' ? t('local') : t('nobody')).appendTo(head)
    const steps = $('<div class="sluice-stepper" role="group"></div>').attr('aria-label', t('keys')).appendTo(detail)
    iconButton('fa-step-backward', t('first'), () => go(0)).appendTo(steps)
    iconButton('fa-chevron-left', t('back'), () => go(open.at - 1)).addClass('sluice-back').appendTo(steps)
    iconButton('fa-chevron-right', t('forward'), () => go(open.at + 1)).addClass('sluice-forward').appendTo(steps)
    iconButton('fa-step-forward', t('last'), () => go(record.steps.length - 1)).appendTo(steps)
    iconButton('fa-times', t('close'), close).appendTo(steps)
    $('<p class="sluice-hint"></p>').text(t('keys')).appendTo(detail)
    $('<div class="sluice-shown"></div>').appendTo(detail)
    $('<h5></h5>').text(t('stepsOf')).appendTo(detail)
    const ol = $('<ol class="sluice-steps"></ol>').attr('aria-label', t('stepsOf')).appendTo(detail)
    for (const [index, step] of record.steps.entries()) {
      const row = $('<button type="button"></button>').on('click', () => go(index)).toggleClass('sluice-failed', step.fault !== undefined)
      $('<span></span>').text(sluice.labelOf(step.node)).appendTo(row)
      $('<span class="sluice-run-more"></span>').text(sluice.ms(step.tookMs)).appendTo(row)
      $('<li></li>').append(row).appendTo(ol)
    }
    if (record.stepsLeftOut > 0) $('<p class="sluice-hint"></p>').text(t('leftOut', { n: record.stepsLeftOut })).appendTo(detail)
    drawActs()
  }

  function drawActs() {
    const { record } = open
    const acts = $('<div class="sluice-acts"></div>').appendTo(detail)
    if (record.request && record.answer) {
      if (record.payloads === 'shown') {
        const name = $('<input type="text" class="sluice-case-name" />').attr('aria-label', t('caseName')).val(titleOf(record))
        name.appendTo(acts)
        button(t('save'), () => saveCase(String(name.val()).trim() || titleOf(record)), 'sluice-save-case').appendTo(acts)
      }
      if (record.payloads !== 'none') button(t('replay'), replay, 'sluice-replay').appendTo(acts)
    }
    $('<div class="sluice-replayed" role="status"></div>').appendTo(acts)
  }

  function onKey(event) {
    if (!open || /^(input|textarea|select)$/i.test(event.target.tagName)) return
    const to = { ArrowRight: open.at + 1, ArrowDown: open.at + 1, ArrowLeft: open.at - 1, ArrowUp: open.at - 1, Home: 0, End: open.record.steps.length - 1 }[event.key]
    if (event.key === 'Escape') close()
    else if (to === undefined) return
    else go(to)
    event.preventDefault()
    event.stopPropagation()
  }

  /** Goes to a step: the canvas shows the way up to it, the sidebar its messages. */
  function go(to) {
    const { record } = open
    open.wire = false
    open.at = Math.max(0, Math.min(record.steps.length - 1, to))
    const step = record.steps[open.at]
    if (!step) return
    const rows = detail.find('.sluice-steps li')
    rows.find('button').removeAttr('aria-current')
    const row = rows.eq(open.at).find('button').attr('aria-current', 'step')
    const { parentElement: item } = row[0]
    item.parentElement.scrollTop = item.offsetTop - item.parentElement.offsetTop - 40
    say(t('step', { n: open.at + 1, all: record.steps.length, node: sluice.labelOf(step.node) }) + (step.tookMs === undefined ? '' : `, ${sluice.ms(step.tookMs)}`) + (step.fault ? `, ${t('fault')}: ${step.fault.code}` : ''))
    drawStep(step)
    paint()
  }

  function message(into, title, value) {
    $('<h5></h5>').text(title).appendTo(into)
    if (value === undefined) return void $('<p class="sluice-hint"></p>').text(open.record.payloads === 'none' ? t('nobody') : '—').appendTo(into)
    RED.utils.createObjectElement(value, { path: '', rootPath: '', expandPaths: ['', 'payload'] }).addClass('sluice-message').appendTo(into)
  }

  function drawStep(step) {
    const { record } = open
    const into = detail.find('.sluice-shown').empty()
    $('<h4></h4>').text(t('step', { n: open.at + 1, all: record.steps.length, node: sluice.labelOf(step.node) })).appendTo(into)
    if (step.attempts > 1) $('<p class="sluice-hint"></p>').text(t('attempts', { n: step.attempts })).appendTo(into)
    for (const [name, value] of Object.entries(step.facts || {})) $('<p class="sluice-hint"></p>').text(`${name}: ${value}`).appendTo(into)
    if (step.fault) $('<p class="sluice-failed"></p>').text(`${t('fault')}: ${step.fault.code} ${step.fault.message}`).appendTo(into)
    if (open.at === 0 && record.request) passed(into, t('request'), record.request)
    message(into, t('came'), step.in === undefined ? undefined : record.messages[step.in])
    for (const send of step.sends) if (send.message !== undefined) message(into, t('left', { port: send.port + 1 }), record.messages[send.message])
    const made = record.callouts.filter((callout) => callout.step === open.at)
    for (const { method, url, status, fault, tookMs, headers, sent, body, stream } of made) {
      passed(into, `${t('callouts')}: ${method} ${url}`, { status: status ?? fault, took: sluice.ms(tookMs), headers, stream, body })
      if (sent) passed(into, t('sent'), sent)
    }
    if (open.at === record.steps.length - 1 && record.answer) passed(into, t('answer'), record.answer)
  }

  /** Something with a body: its fields, how its stream passed, and bytes that are no text as such. */
  function passed(into, title, { body, stream, ...fields }) {
    message(into, title, { ...fields, ...streamed({ stream }), body: bodyOf(body) })
    if (body && body.base64) dump(into, body)
  }

  const rowBytes = 8
  const shownRows = 32

  /** The beginning of bytes that are no text: place, bytes, and what of them can be read. */
  function dump(into, body) {
    const bytes = Uint8Array.from(atob(body.base64), (sign) => sign.charCodeAt(0))
    const rows = []
    for (let at = 0; at < bytes.length && rows.length < shownRows; at += rowBytes) {
      const row = [...bytes.subarray(at, at + rowBytes)]
      const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
      rows.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(rowBytes * 3 - 1)}  ${row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '·')).join('')}`)
    }
    const left = body.bytes - Math.min(bytes.length, shownRows * rowBytes)
    $('<pre class="sluice-bytes" tabindex="0" role="region"></pre>').attr('aria-label', t('hex', { what: kindOf(body) })).text(rows.join('\n')).appendTo(into)
    if (left > 0) $('<p class="sluice-hint"></p>').text(t('more', { n: left })).appendTo(into)
  }

  const kindOf = (body) => t('kindOf', { kind: body.type || t('noKind'), n: body.bytes })

  /** How an answer passed that was not held, in words. */
  function streamed({ stream }) {
    if (!stream) return {}
    const end = { whole: 'streamWhole', cut: 'streamCut', gone: 'streamGone' }[stream.end] || 'streamOpen'
    const first = stream.firstByteMs === undefined ? [] : [t('firstByte', { ms: sluice.ms(stream.firstByteMs) })]
    return { stream: [t('streamOf', { n: stream.bytes }), ...first, t(end, { ms: sluice.ms(stream.endMs), fault: stream.fault })].join(', ') }
  }

  /** What still comes when the run has ended is looked at again until it is over. */
  function followStreams() {
    clearTimeout(following)
    const { record } = open
    if (![record.request, record.answer, ...record.callouts, ...record.callouts.map(({ sent }) => sent)].some((one) => one && one.stream && !one.stream.end)) return
    following = setTimeout(async () => {
      const fresh = await sluice.ask('GET', `runs/${record.id}`).catch(() => undefined)
      if (!fresh || !open || open.record !== record) return
      open.record = fresh
      if (!open.wire) drawStep(fresh.steps[open.at])
      followStreams()
    }, 1500)
  }

  function bodyOf(body) {
    if (!body) return undefined
    if (body.base64) return kindOf(body)
    if (body.text === undefined) return t('bytes', { n: body.bytes })
    if (body.cut) return { [t('beginning', { n: body.bytes })]: body.text }
    try {
      return JSON.parse(body.text)
    } catch {
      return body.text
    }
  }

  /** Messages by drawn wire: those up to the present step count, the others are still to come. */
  function paint() {
    const { record, at } = open
    const nodes = new Map()
    const wires = new Map()
    const nowWires = new Set()
    for (const [index, step] of record.steps.entries()) {
      for (const place of sluice.placesOf(step.node)) {
        const seen = nodes.get(place.id) || { count: 0, ms: 0, failed: false }
        nodes.set(place.id, { count: seen.count + (place.id === step.node || place.type.startsWith('subflow:') === false ? 1 : 0), ms: seen.ms + (step.tookMs || 0), failed: seen.failed || step.fault !== undefined, last: index })
      }
      for (const send of step.sends) {
        for (const target of send.to) {
          for (const key of sluice.wiresOf(step.node, send.port, target)) {
            const wire = wires.get(key) || { sends: [], from: step.node, to: target }
            wire.sends.push({ index, send })
            wires.set(key, wire)
            if (index === at) nowWires.add(key)
          }
        }
      }
    }
    sluice.paint({
      owner: 'watch',
      nodes: new Map([...nodes].map(([id, { count, ms, failed }]) => [id, { fill: failed ? 'red' : 'green', text: `${count > 1 ? `${count} × · ` : ''}${sluice.ms(ms)}` }])),
      wires: new Map([...wires].map(([key, { sends, from, to }]) => [key, { kind: 'taken', text: String(sends.length), label: t('messages', { n: sends.length, from: sluice.labelOf(from), to: sluice.labelOf(to) }) }])),
      now: new Set(sluice.placesOf(record.steps[at].node).map(({ id }) => id)),
      nowWires,
      press: (key) => {
        const wire = wires.get(key)
        if (!wire) return
        RED.sidebar.show('sluice-watch')
        open.at = wire.sends[0].index
        go(open.at)
        open.wire = true
        const into = detail.find('.sluice-shown').empty()
        $('<h4></h4>').text(t('wire', { from: sluice.labelOf(wire.from), to: sluice.labelOf(wire.to) })).appendTo(into)
        for (const { index, send } of wire.sends.slice(0, 20)) message(into, `${index + 1}. ${sluice.labelOf(record.steps[index].node)}`, send.message === undefined ? undefined : record.messages[send.message])
        say(t('messages', { n: wire.sends.length, from: sluice.labelOf(wire.from), to: sluice.labelOf(wire.to) }))
        into[0].scrollIntoView({ block: 'nearest' })
      },
    })
  }

  async function saveCase(name) {
    const { record } = open
    try {
      const made = await sluice.ask('POST', `runs/${record.id}/case`, { name })
      await sluice.addCase(record.flow, made)
      RED.notify(t('saved'), { type: 'success', timeout: 3000 })
    } catch (error) {
      complain(error)
    }
  }

  async function replay() {
    const into = detail.find('.sluice-replayed').empty().text(t('replaying'))
    try {
      const report = await sluice.ask('POST', `runs/${open.record.id}/replay`, { nodes: sluice.draft() })
      into.empty()
      if (report.problems.length > 0) {
        $('<p class="sluice-failed"></p>').text(t('broken')).appendTo(into)
        lines(into, report.problems.map(({ message: text }) => text))
      } else if (report.differences.length === 0) $('<p class="sluice-passed"></p>').text(`${t('same')} (${report.before.status})`).appendTo(into)
      else {
        $('<p class="sluice-failed"></p>').text(t('differs')).appendTo(into)
        lines(into, report.differences.map(sluice.sayFailure))
      }
    } catch (error) {
      into.empty()
      complain(error)
    }
  }

  function lines(into, texts) {
    const ul = $('<ul class="sluice-lines"></ul>').appendTo(into)
    for (const text of texts) $('<li></li>').text(text).appendTo(ul)
  }

  RED.events.on('flows:loaded', function once() {
    RED.events.off('flows:loaded', once)
    build()
  })
})()
