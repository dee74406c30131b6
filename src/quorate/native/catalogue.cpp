// Reads an indicator's written name, checks it against the families' tables, and names its columns.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "indicators.hpp"

namespace quorate {
namespace {

constexpr std::size_t period_max = 100'000;  // bars; a slip of the pen must not ask for all memory
constexpr std::size_t digits_max = 9;        // so that a written decimal is a quotient of exact doubles

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  for (std::size_t from = 0;;) {
    const std::size_t to = text.find(':', from);
    parts.emplace_back(text.substr(from, to - from));
    if (to == std::string_view::npos) return parts;
    from = to + 1;
  }
}

std::string form(const Kind& kind) {
  std::string text(kind.name);
  for (const Parameter& parameter : kind.parameters) text.append(":").append(parameter.name);
  return text;
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  std::string known;
  for (const std::string& each : indicator_forms()) known += (known.empty() ? "" : ", ") + each;
  throw std::invalid_argument("indicator '" + std::string(text) + "': " + why + "; known: " + known);
}

struct Argument {
  double value;
  std::string text;  // canonical, so that "2", "02" and "2.0" name one column
};

bool all_digits(std::string_view text) {
  return !text.empty() && text.size() <= digits_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Digits, or digits '.' digits. Read by hand: the C library's readers follow the process's locale.
bool read_decimal(std::string_view text, Argument& argument) {
  const std::size_t point = text.find('.');
  std::string whole(text.substr(0, point));
  std::string part(point == std::string_view::npos ? "" : text.substr(point + 1));
  if (!all_digits(whole) || (point != std::string_view::npos && !all_digits(part))) return false;
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size() - 1));
  part.erase(part.find_last_not_of('0') + 1);
  if (whole.size() + part.size() > digits_max) return false;
  double scale = 1.0;
  for (std::size_t i = 0; i < part.size(); ++i) scale *= 10.0;
  argument.value = static_cast<double>(std::stoull(whole + part)) / scale;
  argument.text = part.empty() ? whole : whole + "." + part;
  return true;
}

Argument read(std::string_view text, const Parameter& parameter, std::string_view written) {
  const std::string name(parameter.name);
  Argument argument{};
  const bool decimal = read_decimal(written, argument);
  if (parameter.type == Parameter::Type::multiplier) {
    if (!decimal || argument.value <= 0.0) {
      refuse(text, name + " must be a decimal number above 0, such as 2 or 2.5");
    }
  } else if (!decimal || written.find('.') != std::string_view::npos ||
             argument.value < static_cast<double>(parameter.least) ||
             argument.value > static_cast<double>(period_max)) {
    refuse(text, name + " must be a whole number of bars from " + std::to_string(parameter.least) +
                     " to " + std::to_string(period_max));
  }
  return argument;
}

const Kind& find(std::string_view text, std::string_view name) {
  for (const Kind& kind : standard_kinds()) {
    if (kind.name == name) return kind;
  }
  refuse(text, "unknown");
}

}  // namespace

std::vector<std::string> indicator_forms() {
  std::vector<std::string> forms;
  for (const Kind& kind : standard_kinds()) forms.push_back(form(kind));
  return forms;
}

Spec parse_indicator(std::string_view text) {
  const std::vector<std::string> parts = split(text);
  const Kind& kind = find(text, parts[0]);
  if (parts.size() != kind.parameters.size() + 1) refuse(text, "must be written " + form(kind));

  std::vector<double> values;
  std::string base(kind.name);
  for (std::size_t i = 0; i < kind.parameters.size(); ++i) {
    const Argument argument = read(text, kind.parameters[i], parts[i + 1]);
    values.push_back(argument.value);
    base += "_" + argument.text;
  }

  Spec spec;
  for (const std::string_view output : kind.outputs) {
    spec.columns.push_back(output.empty() ? base : base + "_" + std::string(output));
  }
  spec.make = [make = kind.make, values] { return make(values); };
  try {
    spec.make();  // arguments that clash with one another are refused here, not at the first bar
  } catch (const std::invalid_argument& clash) {
    refuse(text, clash.what());
  }
  spec.warmup = kind.warmup(values);
  return spec;
}

}  // namespace quorate
