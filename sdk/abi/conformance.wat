;; The actions of the conformance suite that need no reading of JSON, by hand: `echo`, `fail` and `ask`.
;;
;; A request is {"action":"…","inputs":…,"context":{…}} in this order and without blanks. A result is the piece of
;; it that the host wants, with the status written over the byte before it.
(module
  (import "workflow" "host_call" (func $host_call (param i32 i32) (result i32)))
  (import "workflow" "host_take" (func $host_take (param i32)))
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (data (i32.const 0) ",\22context\22:")
  (data (i32.const 16) "\01{\22type\22:\22no_action\22,\22message\22:\22there is no such action\22}")

  (func $alloc (export "wf_alloc") (param $size i32) (result i32)
    (local $place i32)
    (local.set $place (global.get $next))
    (global.set $next (i32.add (local.get $place) (local.get $size)))
    (loop $more
      (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
        (then
          (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (return (i32.const 0))))
          (br $more))))
    (local.get $place))

  ;; Whether the bytes at $place begin with the $size bytes at $word.
  (func $begins (param $place i32) (param $word i32) (param $size i32) (result i32)
    (local $i i32)
    (loop $next
      (if (i32.eq (local.get $i) (local.get $size)) (then (return (i32.const 1))))
      (if (i32.ne
            (i32.load8_u (i32.add (local.get $place) (local.get $i)))
            (i32.load8_u (i32.add (local.get $word) (local.get $i))))
        (then (return (i32.const 0))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next))
    (unreachable))

  (func $result (param $status i32) (param $start i32) (param $end i32) (result i64)
    (local.set $start (i32.sub (local.get $start) (i32.const 1)))
    (i32.store8 (local.get $start) (local.get $status))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $start)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (local.get $end) (local.get $start)))))

  (func $ask (param $start i32) (param $end i32) (result i64)
    (local $size i32)
    (local $answer i32)
    (local.set $size (call $host_call (local.get $start) (i32.sub (local.get $end) (local.get $start))))
    (local.set $answer (call $alloc (local.get $size)))
    (call $host_take (local.get $answer))
    ;; {"value":…} or {"error":…}
    (call $result
      (i32.eq (i32.load8_u offset=2 (local.get $answer)) (i32.const 101))
      (i32.add (local.get $answer) (i32.const 9))
      (i32.sub (i32.add (local.get $answer) (local.get $size)) (i32.const 1))))

  (func (export "wf_invoke") (param $at i32) (param $size i32) (param $now i64) (param $seed i64) (result i64)
    (local $action i32)
    (local $start i32)
    (local $end i32)
    (local.set $action (i32.load8_u offset=11 (local.get $at)))
    ;; Past {"action":"echo","inputs":, which is shorter by one for `ask`.
    (local.set $start
      (i32.sub (i32.add (local.get $at) (i32.const 26)) (i32.eq (local.get $action) (i32.const 97))))
    (local.set $end (i32.sub (i32.add (local.get $at) (local.get $size)) (i32.const 11)))
    (loop $back
      (local.set $end (i32.sub (local.get $end) (i32.const 1)))
      (br_if $back (i32.eqz (call $begins (local.get $end) (i32.const 0) (i32.const 11)))))
    (if (i32.eq (local.get $action) (i32.const 97))
      (then (return (call $ask (local.get $start) (local.get $end)))))
    (if (i32.eq (local.get $action) (i32.const 101))
      (then (return (call $result (i32.const 0) (local.get $start) (local.get $end)))))
    (if (i32.eq (local.get $action) (i32.const 102))
      (then (return (call $result (i32.const 1) (local.get $start) (local.get $end)))))
    (call $result (i32.const 1) (i32.const 17) (i32.const 73))))
