//! The actions of the conformance suite, in Zig; wf.zig is the one of `workflow plugin init --language zig`.

const std = @import("std");
const wf = @import("wf.zig");

comptime {
    wf.plugin(action);
}

fn action(call: wf.Call) !wf.Result {
    if (std.mem.eql(u8, call.action, "echo")) return .{ .ok = call.inputs };
    if (std.mem.eql(u8, call.action, "fail")) return fail(call.inputs);
    if (std.mem.eql(u8, call.action, "ask")) return wf.ask(call.inputs);
    if (std.mem.eql(u8, call.action, "clock")) return clock(call);
    return .{ .failed = .{ .type = "no_action", .message = "there is no such action" } };
}

fn fail(inputs: wf.Value) !wf.Result {
    const read = std.json.parseFromValueLeaky(wf.Failure, wf.allocator, inputs, .{ .ignore_unknown_fields = true });
    return .{ .failed = read catch .{ .type = "invalid_input", .message = "the inputs are no error" } };
}

fn clock(call: wf.Call) !wf.Result {
    const now = try std.fmt.allocPrint(wf.allocator, "{d}", .{call.now});
    const seed = try std.fmt.allocPrint(wf.allocator, "{d}", .{call.seed});
    return .{ .ok = try wf.value(.{ .now = now, .seed = seed }) };
}
