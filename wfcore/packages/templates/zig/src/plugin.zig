const std = @import("std");
const wf = @import("wf.zig");

comptime {
    wf.plugin(action);
}

// plugin.yaml says which actions there are, what they take and what they give.
fn action(call: wf.Call) !wf.Result {
    if (std.mem.eql(u8, call.action, "greet")) return greet(call.inputs);
    return .{ .failed = .{ .type = "no_action", .message = "there is no such action" } };
}

fn greet(inputs: wf.Value) !wf.Result {
    const name = inputs.object.get("name").?.string;
    try wf.log("greeting {s}", .{name});
    const text = try std.fmt.allocPrint(wf.allocator, "Hello {s}!", .{name});
    return .{ .ok = try wf.value(.{ .text = text }) };
}
